"""Forward passes and seconds of an answer with guesses and without, on one model of the shape of Qwen3-0.6B.

    python benchmarks/engine_speculation.py [--rounds N] [--tokens N] [--quantization KIND] [--output FILE]

The weights are random but for what makes the model say one text by heart, so that every layer costs what it costs and
the answer is known. The tasks differ in what stands in the prompt: `copy` the text as it is, `edit` the text with every
eighth token changed, `mislead` its pairs of tokens with something else behind them, `nothing` other tokens only. All
ways take turns in each round; `seconds` are medians over the rounds, the ratio is the median of the rounds' own ratios.
Reading the prompt counts. Answers are compared, and have to be the same.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import torch
from transformers import Qwen3Config, Qwen3ForCausalLM

from unified_intelligence.engine.decode import Plan, Writing
from unified_intelligence.engine.engine import Engine
from unified_intelligence.engine.forward import Piece
from unified_intelligence.engine.fused import FusedForward
from unified_intelligence.engine.place import Quantization
from unified_intelligence.engine.speculation import Price, PromptLookup, Speculation
from unified_intelligence.profiles.sampling import Sampling

HERE = Path(__file__).parent
VOCABULARY, PROMPT = 151936, 192
WAYS = ("none", "auto", "lookup")


class Counted(FusedForward):
    """Counts its passes, and the guesses in them."""

    passes = guesses = 0

    def read(self, pieces: Sequence[Piece]) -> torch.Tensor:
        self.passes += 1
        self.guesses += sum(max(0, piece.wanted - 1) for piece in pieces)
        return super().read(pieces)


def new_model(text: Sequence[int], quantization: Quantization) -> Counted:
    """Says the text, each token a function of the one before."""
    config = Qwen3Config(
        vocab_size=VOCABULARY,
        hidden_size=1024,
        intermediate_size=3072,
        num_hidden_layers=28,
        num_attention_heads=16,
        num_key_value_heads=8,
        head_dim=128,
        max_position_embeddings=4096,
        tie_word_embeddings=False,
    )
    torch.random.manual_seed(0)  # pyright: ignore[reportUnknownMemberType]
    torch.set_default_dtype(torch.bfloat16)
    model: Any = Qwen3ForCausalLM(config).eval()
    torch.set_default_dtype(torch.float32)
    with torch.no_grad():
        for layer in model.model.layers:
            layer.self_attn.o_proj.weight.zero_()
            layer.mlp.down_proj.weight.zero_()
        for last, following in pairwise(text):
            model.lm_head.weight[following] = 2 * model.model.embed_tokens.weight[last]
    return Counted(model, longest=4096, quantization=quantization)


def prompts(text: Sequence[int], source: random.Random) -> dict[str, list[int]]:
    """Each ends with the first token of the text."""
    others = source.sample(range(VOCABULARY // 2, VOCABULARY), 4 * PROMPT)
    edited = [others[at] if at % 8 == 7 else token for at, token in enumerate(text)]
    misleading = [token for at in range(0, PROMPT, 2) for token in (*text[at : at + 2], *others[2 * at : 2 * at + 3])]
    tasks = {"copy": [*text], "edit": edited, "mislead": misleading, "nothing": others[:PROMPT]}
    return {name: [*prompt, text[0]] for name, prompt in tasks.items()}


def answers(engine: Engine, prompt: Sequence[int], rows: int, tokens: int) -> tuple[float, list[list[int]]]:
    """Seconds, and what was said; each row has a beginning of its own, so that nothing is shared."""
    plans = [Plan([7 + row, *prompt], tokens, frozenset(), Sampling(0.0), 0) for row in range(rows)]
    started = time.perf_counter()
    tickets = [engine.submit(Writing(plan, None)) for plan in plans]
    said = [[chosen.token for chosen in ticket.tokens()] for ticket in tickets]
    return time.perf_counter() - started, said


def engine_of(forward: Counted, way: str, price: Price) -> Engine:
    speculation = None
    if way != "none":
        speculation = Speculation(PromptLookup(), price if way == "auto" else Price(), together=way == "auto")
    return Engine(forward, slots=16, memory=1 << 15, queue=64, speculation=speculation)


def measure(
    options: argparse.Namespace, forward: Counted, text: list[int], price: Price
) -> Iterator[tuple[str, dict[str, Any]]]:
    tasks = prompts(text, random.Random(1))
    for rows in options.rows:
        for task, prompt in tasks.items():
            took: dict[str, list[float]] = {way: [] for way in options.ways}
            figures: dict[str, Any] = {way: {} for way in options.ways}
            for _ in range(options.rounds):
                for way in options.ways:
                    engine = engine_of(forward, way, price)
                    forward.passes = forward.guesses = 0
                    seconds, said = answers(engine, prompt, rows, options.tokens)
                    engine.close()
                    assert said == [text[1 : options.tokens + 1]] * rows, (task, way)
                    took[way].append(seconds)
                    figures[way] = {"passes": forward.passes, "guesses": forward.guesses}
            for way, times in took.items():
                ratios = [plain / own for plain, own in zip(took["none"], times, strict=True)]
                figures[way] |= {"seconds": round(median(times), 2), "times_as_fast": round(median(ratios), 2)}
            print(task, rows, figures, flush=True)
            yield f"{task}, {rows} at once", figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rows", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--ways", choices=WAYS, nargs="+", default=WAYS)
    parser.add_argument("--quantization", choices=("none", "int8", "int4"), default="none")
    parser.add_argument("--output", type=Path, default=HERE / "results" / "engine_speculation.json")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    text = random.Random(0).sample(range(100, VOCABULARY // 2), PROMPT)
    forward = new_model(text, options.quantization)
    price = Price.measured(forward)
    result: dict[str, Any] = {
        "command": f"python benchmarks/engine_speculation.py --rounds {options.rounds} --tokens {options.tokens} "
        f"--threads {options.threads} --rows {' '.join(map(str, options.rows))} --ways {' '.join(options.ways)} "
        f"--quantization {options.quantization}",
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, shared with other work all along",
        "torch": torch.__version__,
        "price_of_a_further_token": {"up to 8": round(price.few, 3), "beyond": round(price.many, 3)},
        "price_of_a_pass": {str(tokens): round(price(tokens), 2) for tokens in (1, 2, 4, 8, 16, 32)},
        "answers": {},
    }
    for name, figures in measure(options, forward, text, price):
        result["answers"][name] = figures
        result["load_average"] = round(os.getloadavg()[0], 1)
        options.output.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
