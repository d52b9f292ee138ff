"""Whether the engine's memory stays flat: thousands of requests of every kind on a small model of random weights.

    python benchmarks/engine_soak.py [--requests 1000] [--rounds 6] [--output FILE]

Each round asks the same number of requests, with lengths of their own, a tenth of them cancelled, some with a seed. The
resident memory is taken after each round, when nothing runs; the first rounds are the warming up.
"""

from __future__ import annotations

import argparse
import gc
import json
import platform
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

import torch
import transformers

from unified_intelligence.engine.decode import Plan, Writing
from unified_intelligence.engine.engine import Engine
from unified_intelligence.engine.fused import FusedForward
from unified_intelligence.entities.errors import ModelError
from unified_intelligence.profiles.sampling import Sampling

VOCABULARY, LONGEST, SLOTS = 1000, 2048, 8
_AT_ONCE = 32  # requests on their way


@dataclass(frozen=True, slots=True)
class Round:
    """`megabytes` are resident after it; `tokens` were written in it."""

    megabytes: float
    tokens: int
    seconds: float


def model(dtype: torch.dtype) -> Any:
    library: Any = transformers  # half typed
    config = library.Qwen3Config(
        vocab_size=VOCABULARY, hidden_size=128, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2,
        head_dim=32, intermediate_size=256, max_position_embeddings=LONGEST, initializer_range=0.2,
        bos_token_id=None, eos_token_id=None, pad_token_id=None,
    )  # fmt: skip
    library.set_seed(0)
    return library.Qwen3ForCausalLM(config).to(dtype).eval()


def plan(random: Random) -> Plan:
    length = random.choice([random.randint(1, 60), random.randint(1, 60), random.randint(60, 500)])
    sampling = Sampling(random.choice([0.0, 1.0]), frequency_penalty=random.choice([0.0, 0.3]))
    prompt = [random.randrange(VOCABULARY) for _ in range(length)]
    return Plan(prompt, random.randint(1, 24), frozenset(range(5)), sampling, random.choice([None, 7]))


def ask(engine: Engine, random: Random, requests: int) -> int:
    """How many tokens came."""
    tokens = 0
    for _ in range(0, requests, _AT_ONCE):
        plans = [plan(random) for _ in range(_AT_ONCE)]
        tickets = [engine.submit(Writing(one, None)) for one in plans]
        for number, ticket in enumerate(tickets):
            with closing(ticket.tokens()) as stream:
                try:
                    tokens += sum(1 for _ in islice(stream, 2 if number % 10 == 3 else None))
                except ModelError:  # where a prompt was made to break
                    continue
    return tokens


def soak(requests: int, rounds: int, dtype: torch.dtype, seed: int = 0) -> list[Round]:
    engine = Engine(FusedForward(model(dtype), longest=LONGEST), slots=SLOTS, memory=SLOTS * 600, queue=_AT_ONCE)
    random, results = Random(seed), list[Round]()
    for _ in range(rounds):
        started = time.perf_counter()
        tokens = ask(engine, random, requests)
        gc.collect()
        results.append(Round(resident(), tokens, round(time.perf_counter() - started, 2)))
    engine.close()
    return results


def resident() -> float:
    """Megabytes of this process in memory."""
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return round(int(lines["VmRSS"].split()[0]) / 1024, 1)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results" / "engine_soak.json")
    given = parser.parse_args(arguments)
    torch.set_num_threads(1)
    found: dict[str, Any] = {
        "command": f"python benchmarks/engine_soak.py --requests {given.requests} --rounds {given.rounds}",
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{platform.machine()}, 1 thread",
        "versions": {name: version(name) for name in ("torch", "transformers")},
        "requests a round": given.requests,
    }
    for dtype in (torch.float32, torch.bfloat16):
        rounds = soak(given.requests, given.rounds, dtype)
        half = len(rounds) // 2
        found[str(dtype).removeprefix("torch.")] = {
            "rounds": [asdict(one) for one in rounds],
            "growth of the later half, MB": round(rounds[-1].megabytes - rounds[half - 1].megabytes, 1),
        }
    given.output.write_text(json.dumps(found, indent=2) + "\n")
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
