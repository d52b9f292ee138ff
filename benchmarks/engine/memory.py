"""Resident memory of this process while it answers a thousand short requests of all kinds, in waves of 40."""

from __future__ import annotations

import os
from pathlib import Path
from random import Random
from statistics import linear_regression
from typing import Any

from benchmarks.engine.asking import GREEDY, HOT, QWEN, ask, engine_of, loaded, random_prompt
from benchmarks.engine.models import SMALL, random_model, tokenizer_of
from benchmarks.engine.report import Asked

REQUESTS, WAVE = 1000, 40
MIB = 1 << 20


def measure(asked: Asked) -> None:
    model = random_model(SMALL)
    engine = engine_of(loaded(model, tokenizer_of(asked.tokenizer, SMALL.vocabulary)))
    chance, rows = Random(5), list[tuple[int, float]]()
    for answered in range(0, asked.rounds(REQUESTS), WAVE):
        tickets = [
            ask(
                engine,
                random_prompt(model, chance.randint(2, 12)),
                chance.randint(1, 5),
                chance.choice([GREEDY, QWEN, HOT]),
            )
            for _ in range(WAVE)
        ]
        for number, ticket in enumerate(tickets):
            tokens = ticket.tokens()
            next(tokens)
            if number % 5:
                list(tokens)
            tokens.close()  # every fifth leaves after its first token
        rows.append((answered + WAVE, round(resident() / MIB, 1)))
        print(rows[-1], flush=True)
        asked.keep(_told(rows))
    engine.close()


def resident() -> int:
    """Bytes."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _told(rows: list[tuple[int, float]]) -> dict[str, Any]:
    later = rows[len(rows) // 5 :]
    slope = linear_regression(*zip(*later, strict=True)).slope if len(later) > 1 else 0.0
    return {
        "model": str(SMALL),
        "requests": rows[-1][0],
        "resident MiB after so many requests": dict(rows),
        "MiB grown after the first fifth": round(later[-1][1] - later[0][1], 1),
        "KiB grown a request after the first fifth, by least squares": round(slope * 1024, 2),
    }
