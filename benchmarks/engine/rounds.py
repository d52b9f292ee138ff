"""Rounds in which all contenders take turns, and what is told of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any


@dataclass(frozen=True, slots=True)
class Took:
    """Seconds of the wall, and of the processor, all threads of this process together."""

    wall: float
    cpu: float


def timed(work: Callable[[], object]) -> Took:
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return Took(time.perf_counter() - wall, time.process_time() - cpu)


def in_turn(contenders: Mapping[str, Callable[[], Took]], rounds: int) -> dict[str, list[Took]]:
    """Each once a round, after a round that does not count; every second round is run backwards."""
    took: dict[str, list[Took]] = {name: [] for name in contenders}
    for number in range(rounds + 1):
        order = list(contenders)
        for name in reversed(order) if number % 2 else order:
            once = contenders[name]()
            if number:
                took[name].append(once)
    return took


def rate(took: Sequence[Took], tokens: int) -> dict[str, float]:
    """Medians of tokens a second."""
    return {
        "tokens/s": round(tokens / median(one.wall for one in took), 2),
        "tokens/s of processor time": round(tokens / median(one.cpu for one in took), 2),
    }


def ratio(slower: Sequence[Took], faster: Sequence[Took]) -> dict[str, float]:
    """The median of the rounds' own ratios."""
    pairs = list(zip(slower, faster, strict=True))
    return {
        "wall": round(median(a.wall / b.wall for a, b in pairs), 2),
        "processor": round(median(a.cpu / b.cpu for a, b in pairs), 2),
    }


def spread(numbers: Sequence[float], digits: int = 2) -> dict[str, Any]:
    """Median, least and most."""
    return {
        "median": round(median(numbers), digits),
        "least": round(min(numbers), digits),
        "most": round(max(numbers), digits),
    }
