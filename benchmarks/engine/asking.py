"""Requests to an engine in this process, without a chat around them."""

from __future__ import annotations

from collections.abc import Sequence
from random import randrange
from typing import Any

from unified_intelligence.engine.compiled import Compile
from unified_intelligence.engine.constraints import Constraint, Grammars
from unified_intelligence.engine.decode import Plan, Writing
from unified_intelligence.engine.engine import Engine
from unified_intelligence.engine.load import Loaded
from unified_intelligence.engine.place import Quantization
from unified_intelligence.engine.pooling import Pooler
from unified_intelligence.engine.recipe import Recipe
from unified_intelligence.engine.start import Running, start
from unified_intelligence.engine.ticket import Ticket
from unified_intelligence.profiles.sampling import Sampling

GREEDY = Sampling(0.0)
QWEN = Sampling(0.6, 0.95, 20)
HOT = Sampling(1.0)


def loaded(model: Any, tokenizer: Any) -> Loaded:
    """As if it came from a folder."""
    ends = frozenset({int(tokenizer.eos_token_id)})
    row: int = model.get_output_embeddings().weight.shape[0]
    grammars, pooler = Grammars(tokenizer, ends, row), Pooler(Recipe(), model.device, size=None)
    return Loaded(model, tokenizer, model.config.max_position_embeddings, ends, grammars, pooler)


def engine_of(given: Loaded, slots: int = 16, quantization: Quantization = "none") -> Engine:
    """With 3 GB for conversations. Raises ConfigurationError for a quantization that cannot be had here."""
    return running_of(given, slots, quantization).engine


def running_of(
    given: Loaded,
    slots: int = 16,
    quantization: Quantization = "none",
    compile: Compile = "off",
    memory: float = 3.0,
) -> Running:
    """As `engine_of`, and what it says of itself."""
    return start(
        given, forward="fused", quantization=quantization, compile=compile, slots=slots, memory=memory, queue=2048
    )


def random_prompt(model: Any, length: int) -> list[int]:
    return [randrange(1000, model.config.vocab_size) for _ in range(length)]


def ask(
    engine: Engine,
    prompt: Sequence[int],
    tokens: int,
    sampling: Sampling = GREEDY,
    constraint: Constraint | None = None,
) -> Ticket:
    """An answer of so many tokens, which nothing but a constraint ends."""
    plan = Plan(prompt, tokens, frozenset(), sampling, seed=1)
    return engine.submit(Writing(plan, None, constraint))


def ask_all(engine: Engine, prompts: Sequence[Sequence[int]], tokens: int, sampling: Sampling = GREEDY) -> int:
    """Waits for them all; how many tokens came."""
    tickets = [ask(engine, prompt, tokens, sampling) for prompt in prompts]
    return sum(sum(1 for _ in ticket.tokens()) for ticket in tickets)
