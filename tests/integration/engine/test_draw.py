"""Many rows together on a device, beside each by itself here: the same tokens, and transfers as for one row."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from random import Random

import pytest
import torch

from tests.integration.engine.pure_forward import END, NO_NUMBER, PureForward
from tests.unit.engine.far import DEVICE, Far
from unified_intelligence.engine import draw as drawing
from unified_intelligence.engine.decode import Plan, Writing, draw_each
from unified_intelligence.engine.forward import Piece
from unified_intelligence.engine.sampling import Chosen, Penalties, Wish, is_penalising
from unified_intelligence.engine.scheduler import Row, Scheduler
from unified_intelligence.engine.speculation import Price, PromptLookup, Speculation
from unified_intelligence.engine.ticket import Ticket
from unified_intelligence.entities.errors import ModelError
from unified_intelligence.profiles.sampling import Sampling

GREEDY, QWEN, HOT, WIDE = Sampling(0.0), Sampling(0.6, 0.95, 20), Sampling(1.0), Sampling(0.7, 0.9)
WAYS = [
    GREEDY, QWEN, HOT, WIDE,
    Sampling(1.0, top_k=1), Sampling(1.3, min_p=0.02), Sampling(0.8, 0.99, 1500), Sampling(4.0, 0.97), Sampling(1e-4),
    Sampling(0.0, repetition_penalty=1.3), Sampling(0.9, 0.9, 40, presence_penalty=1.1, frequency_penalty=-0.4),
    Sampling(1.0, repetition_penalty=0.8), Sampling(1.0, 0.8, frequency_penalty=0.6),
]  # fmt: skip


@pytest.fixture(autouse=True)
def _there_together(monkeypatch: pytest.MonkeyPatch) -> None:  # pyright: ignore[reportUnusedFunction]
    monkeypatch.setattr(drawing, "TOGETHER", frozenset({DEVICE.type}))


def wish(random: Random, size: int, way: Sampling | None = None) -> Wish:
    """Anything that can be asked of a row, some of it written already."""
    sampling = way or random.choice(WAYS)
    penalties = Penalties(sampling, random.choices(range(size), k=30)) if is_penalising(sampling) else None
    for token in random.choices(range(size), k=random.choice([0, 12])):
        if penalties:
            penalties.count(token)
    barred = random.choices(range(size), k=random.choice([0, 0, 3]))
    bits = random.randbytes(size // 8 + 5) if random.random() < 0.3 else None
    return Wish(sampling, random.random(), barred, bits, penalties, random.choice([None, None, 0, 4]))


def rows_of(size: int, number: torch.dtype, count: int, seed: int) -> list[torch.Tensor]:
    random = torch.Generator().manual_seed(seed)
    return [(torch.randn(size, generator=random) * (0.2, 2.0, 6.0)[at % 3]).to(number) for at in range(count)]


def far_away(rows: Sequence[torch.Tensor], wishes: Sequence[Wish]) -> tuple[list[Chosen | Exception], Counter[str]]:
    with Far() as far:
        there = [far.send(row) for row in rows]
        return draw_each(there, wishes), far.counted


def same(one: Chosen | Exception, other: Chosen | Exception) -> bool:
    if isinstance(one, Exception) or isinstance(other, Exception):
        return type(one) is type(other)
    told, again = dict(one.alternatives), dict(other.alternatives)
    return (
        one.token == other.token
        and (one.logprob is None) == (other.logprob is None)
        and math.isclose(one.logprob or 0, other.logprob or 0, abs_tol=1e-4)
        and list(told) == list(again)
        and all(math.isclose(told[token], again[token], abs_tol=1e-4) for token in told)
    )


@pytest.mark.parametrize("number", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("size", [23, 1000, 4096, 20_011])
def test_together_and_there_as_alone_and_here(size: int, number: torch.dtype) -> None:
    """In bfloat16 many logits are equal."""
    random = Random(size)
    rows, before = rows_of(size, number, 60, 4), rows_of(size, number, 60, 4)
    wishes = [wish(random, size) for _ in rows]
    alone = [draw_each([row], [one])[0] for row, one in zip(rows, wishes, strict=True)]
    assert sum(isinstance(each, Chosen) for each in alone) > 50
    together, _ = far_away(rows, wishes)
    assert [at for at in range(len(rows)) if not same(alone[at], together[at])] == []
    few, _ = far_away(rows[7:9], wishes[7:9])
    assert all(same(*pair) for pair in zip(few, together[7:9], strict=True))
    assert all(torch.equal(*pair) for pair in zip(rows, before, strict=True))


@pytest.mark.parametrize(("ways", "brought"), [
    ([GREEDY], 1), ([QWEN], 1), ([HOT], 1), ([WIDE], 1), ([QWEN, GREEDY, HOT, WIDE], 1), ([Sampling(8.0, 0.99)], 2),
    (WAYS, 2),
])  # fmt: skip
def test_sixty_rows_take_no_more_transfers_than_one_of_each_kind(ways: list[Sampling], brought: int) -> None:
    random, counted = Random(1), list[Counter[str]]()
    for times in (1, 60 // len(ways)):
        asked = [wish(random, 20_011, way) for way in ways * times]
        wishes = [replace(one, barred=[5], allowed=b"\xfe" * 2600, logprobs=None) for one in asked]
        rows = [row * (1 if brought > 1 else 60) for row in rows_of(20_011, torch.bfloat16, len(wishes), 2)]
        drawn, how = far_away(rows, wishes)
        assert all(isinstance(each, Chosen) for each in drawn)
        counted.append(how)
    few, many = counted
    assert few["brought"] == many["brought"] == few["waited"] == many["waited"] == brought
    assert few["sent"] == many["sent"] <= 10
    sorts = 0 if brought == 1 else 3 * 40  # sixteen rows at a time
    assert many["operations"] <= few["operations"] + sorts


def test_logprobs_come_in_one_more_transfer() -> None:
    rows = rows_of(1000, torch.float32, 20, 3)
    drawn, counted = far_away(rows, [Wish(QWEN, 0.4, logprobs=5) for _ in rows])
    assert counted["brought"] == counted["waited"] == 2
    assert all(isinstance(each, Chosen) and len(each.alternatives) == 5 for each in drawn)


@pytest.mark.parametrize("way", [GREEDY, QWEN, HOT, WIDE, Sampling(1.0, 0.9, 1500), Sampling(9.0, 0.99)])
@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.nan])
def test_what_is_no_number_fails_alone(way: Sampling, wrong: float) -> None:
    rows = rows_of(5000, torch.float32, 5, 6)
    wishes = [Wish(way, 0.3, logprobs=1) for _ in rows]
    expected, _ = far_away(rows, wishes)
    rows[1][4999] = wrong
    rows[3] = torch.full((5000,), -math.inf)
    for drawn in (far_away(rows, wishes)[0], draw_each(rows, wishes)):
        assert [at for at, each in enumerate(drawn) if isinstance(each, ModelError)] == [1, 3]
        assert all(same(drawn[at], expected[at]) for at in (0, 2, 4))


def test_what_breaks_all_together_is_drawn_alone() -> None:
    rows = [*rows_of(1000, torch.float32, 2, 3), *rows_of(1001, torch.float32, 1, 3)]
    unknown = Sampling(0.0, repetition_penalty=2.0)
    wishes = [Wish(GREEDY, 0.0, [5000]), Wish(unknown, 0.0, penalties=Penalties(unknown, [5000])), Wish(GREEDY, 0.0)]
    assert [type(each) for each in far_away(rows, wishes)[0]] == [Chosen, IndexError, Chosen]


class FarForward(PureForward):
    """Its logits are on that device."""

    def __init__(self, far: Far) -> None:
        super().__init__()
        self._far = far

    def read(self, pieces: Sequence[Piece]) -> torch.Tensor:
        return self._far.send(super().read(pieces))


def answers(scheduler: Scheduler, plans: Sequence[Plan], counted: Counter[str], most: int) -> list[list[object]]:
    """What came for each; no step brought more than so often."""
    tickets = [Ticket() for _ in plans]
    for plan, ticket in zip(plans, tickets, strict=True):
        scheduler.add(Row(Writing(plan, None), ticket))
    while scheduler.running + scheduler.waiting:
        before = counted["waited"]
        scheduler.step()
        assert counted["waited"] - before <= most
    return [come(ticket) for ticket in tickets]


def come(ticket: Ticket) -> list[object]:
    told = list[object]()
    while not ticket._come.empty():
        item = ticket._come.get()
        told.append(item.token if isinstance(item, Chosen) else type(item))
    return told


@pytest.mark.parametrize(("guesses", "most"), [(False, 1), (True, 10)])
def test_a_step_waits_once_and_with_guesses_once_for_each_of_the_longest(guesses: bool, most: int) -> None:
    """And answers are those of one that runs here, seeds included."""
    random = Random(8)
    ways = [GREEDY, Sampling(1.0, top_k=5), HOT, Sampling(0.7, 0.9), Sampling(1.0, presence_penalty=1.0)]
    begun = [[random.randrange(1, 20) for _ in range(4)] * 3 for _ in range(40)]
    begun[5][2] = NO_NUMBER
    plans = [Plan(one, 30, frozenset({END}), ways[at % 5], at, least=at % 3) for at, one in enumerate(begun)]

    def guessing() -> Speculation | None:
        return Speculation(PromptLookup(), Price(), together=False) if guesses else None

    here = Scheduler(PureForward(), slots=16, memory=10**5, speculation=guessing())
    expected = answers(here, plans, Counter(), 0)
    assert expected[5] == [ModelError]
    assert len({len(each) for each in expected}) > 5
    with Far() as far:
        there = Scheduler(FarForward(far), slots=16, memory=10**5, speculation=guessing())
        assert answers(there, plans, far.counted, most) == expected
    assert far.counted["waited"] == far.counted["brought"]
