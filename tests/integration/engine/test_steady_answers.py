"""Answers of a busy engine whose steps of single tokens are recorded or compiled, beside those of `generate`."""

from __future__ import annotations

import copy
import json
import os
import re
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
import torch

from tests.integration.engine.tape import Tape, taped
from tests.integration.engine.test_greedy import answers, by_generate, compare, leaves, mixed, read, submit
from tests.integration.engine.tiny_adapters import merged, write
from tests.integration.engine.tiny_models import LONGEST, tiny
from tests.tiny_qwen3 import build
from unified_intelligence.adapters.llm.transformers_adapter import TransformersAdapter
from unified_intelligence.engine import lora
from unified_intelligence.engine.adapted import Adapters
from unified_intelligence.engine.compiled import _read, compile_steps  # pyright: ignore[reportPrivateUsage]
from unified_intelligence.engine.engine import Engine
from unified_intelligence.engine.fused import FusedForward
from unified_intelligence.engine.place import Quantization
from unified_intelligence.engine.speculation import Price, PromptLookup, Speculation
from unified_intelligence.entities.generation import GenerationConfig, JsonFormat

STEPS = "steps of single tokens"
SLOW = pytest.mark.skipif("SLOW_TESTS" not in os.environ, reason="A compiler works for a minute: SLOW_TESTS=1")


def test_mixed_requests_that_come_and_go_are_answered_as_by_generate() -> None:
    model, plans = tiny("Qwen3"), mixed(Random(11), 80)
    forward, tape = taped(copy.deepcopy(model), LONGEST)
    compare(model, plans, answers(forward, plans, slots=5, memory=900, leaving=leaves))
    assert forward.steady and not forward.steady.fault
    assert tape.replayed > 100


def test_a_conversation_that_goes_on_is_answered_from_what_was_recorded_on() -> None:
    model, random = tiny("Qwen3"), Random(4)
    forward, tape = taped(copy.deepcopy(model), LONGEST)
    engine = Engine(forward, slots=2, memory=1000, queue=9)
    plan = replace(mixed(random, 1)[0], limit=40, ends=frozenset(), least=0)
    for turn in range(4):
        ticket = submit(engine, plan)
        tokens, _ = read(ticket)
        assert tokens == by_generate(model, plan)[0]
        assert ticket.cached >= (len(plan.prompt) - 4 if turn else 0)
        plan = replace(plan, prompt=[*plan.prompt, *tokens, 3, 5])
    engine.close()
    assert tape.replayed > 3 * 35


def test_guesses_and_adapters_are_read_beside_it(tmp_path: Path) -> None:
    """They are no steps of single tokens of the model, and are read as ever."""
    model = tiny("Qwen3")
    folder = write(tmp_path / "fr", model, seed=2)
    models = {"": model, "fr": merged(model, folder)}
    own = copy.deepcopy(model)
    forward, tape = taped(own, LONGEST, Adapters(own, [lora.read("fr", folder, own)]))
    plans = [
        replace(plan, adapter="fr" if number % 8 == 0 else "", limit=20)
        for number, plan in enumerate(mixed(Random(2), 60))
        if not plan.sampling.temperature
    ]
    guesses = Speculation(PromptLookup(), Price(), together=False)
    engine = Engine(forward, slots=4, memory=2000, queue=100, speculation=guesses)
    tickets = [submit(engine, plan) for plan in plans]
    for number, (plan, ticket) in enumerate(zip(plans, tickets, strict=True)):
        assert (number, *read(ticket)) == (number, *by_generate(models[plan.adapter], plan))
    engine.close()
    assert tape.replayed > 20


def test_thinking_budgets_and_forms_give_the_same_answers(tmp_path: Path) -> None:
    pytest.importorskip("llguidance", reason="The extra 'local' is not installed")
    model = build(tmp_path / "model", pieces=("bonjour",))
    schema = {"type": "object", "properties": {"été": {"type": "integer"}}, "required": ["été"]}
    formed = JsonFormat(schema=schema)
    asked = [
        GenerationConfig(max_tokens=60, temperature=0.0, thinking=True, thinking_budget=9),
        GenerationConfig(max_tokens=60, temperature=0.0, thinking=False, response_format=formed),
        GenerationConfig(max_tokens=50, seed=3, temperature=0.9, presence_penalty=0.4, logprobs=2),
    ]
    plain = TransformersAdapter(model=str(model), threads=1, compile="off")
    adapter = TransformersAdapter(model=str(model), threads=1, compile="off")
    forward, tape = adapter._ready().engine.forward, Tape()  # pyright: ignore[reportPrivateUsage]
    assert isinstance(forward, FusedForward)
    forward.steadily(record=tape)
    for config in asked:
        one, other = (each.generate("Où ? 🎉\n\u2028", config) for each in (plain, adapter))
        assert (str(one), one.reasoning, one.finish_reason) == (str(other), other.reasoning, other.finish_reason)
        assert one.usage == other.usage
        if config.response_format:
            assert list(json.loads(str(other))) == ["été"]
    for each in (plain, adapter):
        each.close()
    assert tape.replayed > 60


@SLOW
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch's own, when its compiler is imported
@pytest.mark.parametrize("quantization", ["none", "int8"])
def test_what_inductor_compiled_answers_as_generate(quantization: Quantization) -> None:
    model, plans = tiny("Qwen3"), mixed(Random(11), 60)
    forward = FusedForward(copy.deepcopy(model), longest=LONGEST, quantization=quantization)
    assert re.fullmatch(
        rf"{STEPS} compiled by inductor: [0-9.]+ ms each, [0-9.]+ without", compile_steps(forward, "inductor")
    )
    come = answers(forward, plans, slots=5, memory=900, leaving=leaves)
    assert forward.steady and not forward.steady.fault
    if quantization == "none":
        return compare(model, plans, come)
    uncompiled = FusedForward(copy.deepcopy(model), longest=LONGEST, quantization=quantization)
    assert come == answers(uncompiled, plans, slots=5, memory=900, leaving=leaves)
    return None


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_without_a_compiler_it_says_so_and_answers_as_before(tmp_path: Path) -> None:
    from torch._inductor import config

    library: Any = config  # not typed
    model = tiny("Qwen3", hidden_size=128, intermediate_size=128, head_dim=64).bfloat16()
    forward, untouched = (FusedForward(copy.deepcopy(model), longest=LONGEST) for _ in range(2))
    with library.patch({"cpp.cxx": (str(tmp_path / "none"),), "force_disable_caches": True}):
        assert re.match(f"{STEPS} not compiled by inductor: .", compile_steps(forward, "inductor"))
    assert not forward.steady
    assert bool(forward.small) == bool(untouched.small)
    with torch.inference_mode():
        for one, other in zip(_read(forward), _read(untouched), strict=True):
            assert torch.equal(one, other)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="There is no GPU here")
@pytest.mark.parametrize("wanted", ["cudagraph", "inductor"])
def test_on_a_gpu_mixed_requests_are_answered_as_by_generate(wanted: Any) -> None:
    model, plans = tiny("Qwen3"), mixed(Random(11), 60)
    forward = FusedForward(copy.deepcopy(model).to("cuda"), longest=LONGEST)
    assert re.match(rf"{STEPS} (compiled by inductor and )?recorded as CUDA graphs: ", compile_steps(forward, wanted))
    compare(model, plans, answers(forward, plans, slots=5, memory=900, leaving=leaves))
    assert forward.steady and not forward.steady.fault
