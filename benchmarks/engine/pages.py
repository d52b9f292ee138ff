"""How much of the memory that is held for keys and values holds any, and how many answers it lets in at once.

The scheduler is the engine's own, step by step over a small model: what it admits and holds does not depend on the
model. Beside it stands one slot of the longest's length for each answer, which is what a rectangle takes.
"""

# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from statistics import median
from typing import Any

import torch

from benchmarks.engine.asking import GREEDY, random_prompt
from benchmarks.engine.models import TINY, fused, random_model
from benchmarks.engine.report import Asked
from unified_intelligence.engine.decode import Plan, Writing
from unified_intelligence.engine.pages import PAGE
from unified_intelligence.engine.scheduler import Row, Scheduler
from unified_intelligence.engine.ticket import Ticket

REQUESTS, SLOTS, MEMORY = 96, 64, 16_384
SHORTEST, LONGEST = 64, 2048
COMMON = 1000


def measure(asked: Asked) -> None:
    model, chance = random_model(TINY), Random(3)
    forward = fused(model, "none")
    lengths = [chance.randint(SHORTEST, LONGEST) for _ in range(asked.rounds(REQUESTS))]
    mixed = [(random_prompt(model, length // 2), length - length // 2) for length in lengths]
    common = random_prompt(model, COMMON)
    alike = [([*common, *random_prompt(model, 24)], 100) for _ in lengths]
    figures: dict[str, Any] = {"memory, tokens": MEMORY, "page, tokens": PAGE, "slots": SLOTS, "cases": {}}
    for name, requests in (
        (f"{len(mixed)} answers of {SHORTEST} to {LONGEST} tokens, prompt included", mixed),
        (f"{len(alike)} answers of {COMMON + 124} tokens, of which {COMMON} are the same", alike),
    ):
        figures["cases"][name] = _told(forward, requests)
        print(name, figures["cases"][name], flush=True)
        asked.keep(figures)


def _told(forward: Any, requests: Sequence[tuple[list[int], int]]) -> dict[str, Any]:
    scheduler = Scheduler(forward, slots=SLOTS, memory=MEMORY)
    for prompt, limit in requests:
        plan = Plan(prompt, limit, frozenset(), GREEDY, None)
        scheduler.add(Row(Writing(plan, None, torch.device("cpu")), Ticket()))
    used, running = list[float](), list[int]()
    while scheduler.running + scheduler.waiting:
        scheduler.step()
        if scheduler.waiting:  # what follows is the end of the work, not the work
            used.append(_used(forward, scheduler))
            running.append(scheduler.running)
    longest = max(len(prompt) + limit for prompt, limit in requests)
    return {
        "share of the held memory that holds tokens, median": round(median(used), 3),
        "answers at once, median": median(running),
        "answers at once with a slot of the longest's length each": MEMORY // longest,
    }


def _used(forward: Any, scheduler: Scheduler) -> float:
    """Tokens in the pages that slots have; what several have in common counts once."""
    fills: dict[int, int] = {}
    for slot in scheduler._slots._slots:  # noqa: SLF001
        for at, page in enumerate(forward._tables.table(slot.index)):  # noqa: SLF001
            fills[page] = max(fills.get(page, 0), min(PAGE, slot.read - at * PAGE))
    return sum(max(0, fill) for fill in fills.values()) / max(1, forward.held)
