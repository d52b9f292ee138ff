"""Answers of a busy engine beside those of `generate`, token for token: few slots, little memory, many kinds."""

from __future__ import annotations

import copy
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import replace
from random import Random
from typing import Any

import pytest
import torch

from tests.integration.engine.tiny_models import LONGEST, VOCABULARY, tiny
from unified_intelligence.engine.decode import Plan, Writing
from unified_intelligence.engine.engine import Engine
from unified_intelligence.engine.forward import Forward
from unified_intelligence.engine.fused import FusedForward
from unified_intelligence.engine.plain import PlainForward
from unified_intelligence.engine.ticket import Ticket
from unified_intelligence.profiles.sampling import Sampling

GREEDY = Sampling(0.0)
WARM = Sampling(1.3, top_p=0.95, top_k=40, min_p=0.01, frequency_penalty=0.2, presence_penalty=0.1)


@contextmanager
def running(forward: Forward, *, slots: int, memory: int) -> Generator[Engine]:
    engine = Engine(forward, slots=slots, memory=memory, queue=1000)
    try:
        yield engine
    finally:
        engine.close()


def submit(engine: Engine, plan: Plan, priority: int = 0) -> Ticket:
    return engine.submit(Writing(plan, None), priority=priority)


def read(ticket: Ticket, most: int | None = None) -> tuple[list[int], bool]:
    """The tokens, all of them or the first before their reader goes away, and whether the model ended its turn."""
    come = list[int]()
    with closing(ticket.tokens()) as tokens:
        while most is None or len(come) < most:
            try:
                come.append(next(tokens).token)
            except StopIteration as end:
                return come, end.value
    return come, False


def answers(
    forward: Forward, plans: Sequence[Plan], *, slots: int, memory: int, leaving: Callable[[int], int | None]
) -> list[tuple[list[int], bool]]:
    """Of all plans at once; `leaving` says of one after how many tokens its reader goes away."""
    with running(forward, slots=slots, memory=memory) as engine, ThreadPoolExecutor(12) as readers:
        tickets = [submit(engine, plan, priority=number % 3) for number, plan in enumerate(plans)]
        return list(readers.map(read, tickets, map(leaving, range(len(plans)))))


def by_generate(model: Any, plan: Plan) -> tuple[list[int], bool]:
    told: dict[str, Any] = {"repetition_penalty": plan.sampling.repetition_penalty} | (
        {"min_new_tokens": min(plan.least, plan.limit)} if plan.least else {}
    )
    with torch.inference_mode():
        output = model.generate(
            torch.tensor([plan.prompt]),
            attention_mask=torch.ones((1, len(plan.prompt)), dtype=torch.long),
            do_sample=False,
            max_new_tokens=plan.limit,
            eos_token_id=sorted(plan.ends),
            pad_token_id=0,
            **told,
        )
    come: list[int] = output[0, len(plan.prompt) :].tolist()
    ended = come[-1] in plan.ends
    return come[: len(come) - ended], ended


def mixed(random: Random, count: int) -> list[Plan]:
    """Prompts of 1 to 300 tokens, some of which begin alike."""
    beginnings = [[random.randrange(VOCABULARY) for _ in range(250)] for _ in range(4)]
    plans = list[Plan]()
    for number in range(count):
        begun = random.choice(beginnings)[: random.choice([0, 0, 5, 60, 250])]
        rest = random.choice([1, 2, 17, 18, 50]) if begun else random.randint(1, 300)
        prompt = begun + [random.randrange(VOCABULARY) for _ in range(rest)]
        sampling = WARM if number % 7 == 3 else replace(GREEDY, repetition_penalty=random.choice([1.0, 1.0, 1.2]))
        limit = random.choice([1, 2, 9, 16, 25])
        ends = frozenset(random.sample(range(VOCABULARY), random.choice([1, 12])))
        plans.append(Plan(prompt, limit, ends, sampling, number, least=random.choice([0, 0, 3])))
    return plans


def leaves(number: int) -> int | None:
    return number % 4 if number % 9 == 5 else None


@pytest.mark.parametrize("kind", ["Qwen3", "Llama"])
def test_two_hundred_requests_of_every_kind_are_answered_as_by_generate(kind: str) -> None:
    model, plans = tiny(kind), mixed(Random(kind), 200 if kind == "Qwen3" else 60)
    forward = FusedForward(copy.deepcopy(model), longest=LONGEST)
    come = answers(forward, plans, slots=5, memory=900, leaving=leaves)
    compare(model, plans, come)


def test_a_model_whose_window_slides_answers_as_by_generate_and_reads_every_prompt() -> None:
    model, plans = tiny("Mistral", sliding_window=16), mixed(Random(3), 60)
    come = answers(PlainForward(copy.deepcopy(model)), plans, slots=5, memory=900, leaving=leaves)
    compare(model, plans, come)


def compare(model: Any, plans: Sequence[Plan], come: Sequence[tuple[list[int], bool]]) -> None:
    ended = 0
    for number, (plan, (tokens, complete)) in enumerate(zip(plans, come, strict=True)):
        if plan.sampling is WARM:
            assert len(tokens) <= plan.limit
            continue
        expected, ends = by_generate(model, plan)
        if (most := leaves(number)) is not None:
            expected, ends = expected[:most], ends and len(expected) < most
        assert (number, tokens, complete) == (number, expected, ends)
        ended += ends
    assert ended > len(plans) / 10


def test_a_seed_gives_the_same_tokens_in_any_company() -> None:
    model = tiny("Qwen3")
    forward = FusedForward(model, longest=LONGEST)
    random = Random(8)
    wanted = [
        Plan([random.randrange(VOCABULARY) for _ in range(length)], 30, frozenset({0}), sampling, length)
        for length in (1, 9, 40, 150)
        for sampling in (Sampling(1.0), WARM, Sampling(0.8, repetition_penalty=1.3))
    ]
    alone = list[tuple[list[int], bool]]()
    for plan in wanted:
        with running(forward, slots=1, memory=400) as engine:
            alone.append(read(submit(engine, plan)))
    for times in range(2):
        crowd = [*wanted, *mixed(random, 40)]
        order = random.sample(range(len(crowd)), len(crowd))
        come = answers(forward, [crowd[at] for at in order], slots=3 + 4 * times, memory=3000, leaving=lambda _: None)
        assert [come[order.index(at)] for at in range(len(wanted))] == alone
    other = [read_alone(forward, replace(plan, seed=10**6)) for plan in wanted]
    assert sum(one != another for one, another in zip(alone, other, strict=True)) >= len(wanted) - 1


def read_alone(forward: Forward, plan: Plan) -> tuple[list[int], bool]:
    with running(forward, slots=1, memory=400) as engine:
        return read(submit(engine, plan))
