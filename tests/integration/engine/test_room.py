"""Slots for which there is no memory: there are fewer, and who alone is too long fails; a lost device is told."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from random import Random

import pytest
import torch

from tests.integration.engine.pure_forward import END, NO_NUMBER, PureForward, greedy
from tests.integration.engine.tiny_models import LONGEST, tiny
from unified_intelligence.engine.decode import Plan, Writing
from unified_intelligence.engine.engine import Engine
from unified_intelligence.engine.forward import Piece
from unified_intelligence.engine.fused import FusedForward
from unified_intelligence.engine.pages import PAGE, Places
from unified_intelligence.engine.ticket import Ticket
from unified_intelligence.entities.errors import DeviceLostError, ModelError
from unified_intelligence.profiles.sampling import Sampling


class Cramped(PureForward):
    """It says to have all the memory there is, and has that for `most` tokens; beyond them a half is held."""

    def __init__(self, most: int, *, rewinds: bool = True) -> None:
        super().__init__(rewinds=rewinds)
        self.most = most
        self.refused = 0

    def hold(self, places: Sequence[Places], memory: int = sys.maxsize) -> None:
        if self.held + self.growth(places) > self.most:
            self.refused += 1
            super().hold(places[: len(places) // 2], memory)
            raise torch.OutOfMemoryError("no memory is left")
        super().hold(places, memory)


class Crowded(PureForward):
    """A pass takes memory too, beside what the slots take."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most = most
        self.refused = 0

    def read(self, pieces: Sequence[Piece]) -> torch.Tensor:
        if self.held + sum(len(piece.tokens) for piece in pieces) > self.most:
            self.refused += 1
            raise torch.OutOfMemoryError("no memory is left")
        return super().read(pieces)


class HalfHeld(FusedForward):
    """The memory of its machine ends between two layers."""

    most = sys.maxsize
    refused = 0

    def _resize(self, pages: int, kept: int = 0) -> None:
        if pages * PAGE > self.most:
            self.refused += 1
            self._caches[0].resize(pages, kept)
            raise torch.OutOfMemoryError("no memory is left")
        super()._resize(pages, kept)


def plan_of(prompt: Sequence[int], limit: int) -> Plan:
    return Plan(prompt, limit, frozenset({END}), Sampling(0.0), None)


def ask(engine: Engine, plan: Plan, priority: int = 0) -> Ticket:
    return engine.submit(Writing(plan, None), priority=priority)


def read(ticket: Ticket) -> tuple[list[int], bool]:
    come = list[int]()
    with closing(ticket.tokens()) as tokens:
        while True:
            try:
                come.append(next(tokens).token)
            except StopIteration as end:
                return come, end.value


def prompts(random: Random, count: int, longest: int) -> list[list[int]]:
    return [[random.randrange(1, NO_NUMBER) for _ in range(random.randint(20, longest))] for _ in range(count)]


@pytest.mark.parametrize("rewinds", [True, False])
@pytest.mark.parametrize("most", [250, 700, 1200])
def test_where_all_do_not_fit_fewer_are_answered_at_once(most: int, rewinds: bool) -> None:
    forward = Cramped(most, rewinds=rewinds)
    engine = Engine(forward, slots=16, memory=10**6, queue=100)
    plans = [plan_of(prompt, 40) for prompt in prompts(Random(most), 30, 150)]
    with ThreadPoolExecutor(30) as readers:
        tickets = [ask(engine, plan, number % 3) for number, plan in enumerate(plans)]
        come = list(readers.map(read, tickets))
    assert come == [greedy(plan.prompt, plan.limit) for plan in plans]
    assert forward.refused
    engine.close()


@pytest.mark.parametrize("most", [330, 900])
def test_where_a_pass_finds_no_memory_beside_the_slots_there_are_fewer_of_them(most: int) -> None:
    forward = Crowded(most)
    engine = Engine(forward, slots=16, memory=10**6, queue=100)
    plans = [plan_of(prompt, 30) for prompt in prompts(Random(most), 20, 110)]
    with ThreadPoolExecutor(20) as readers:
        come = list(readers.map(read, [ask(engine, plan) for plan in plans]))
    assert come == [greedy(plan.prompt, plan.limit) for plan in plans]
    assert forward.refused
    engine.close()


def test_a_model_half_of_whose_layers_found_room_answers_as_before() -> None:
    plans = [plan_of(prompt, 20) for prompt in prompts(Random(6), 12, 200)]
    come: list[list[tuple[list[int], bool]]] = []
    for most in (sys.maxsize, 1200):
        forward = HalfHeld(tiny("Qwen3"), longest=LONGEST)
        forward.most = most
        engine = Engine(forward, slots=8, memory=10**6, queue=100)
        with ThreadPoolExecutor(12) as readers:
            come.append(list(readers.map(read, [ask(engine, plan) for plan in plans])))
        engine.close()
        assert bool(forward.refused) == (most == 1200)
    assert come[0] == come[1]


def test_one_for_whom_alone_there_is_no_room_fails_alone_and_the_engine_lives() -> None:
    forward = Cramped(400)
    engine = Engine(forward, slots=8, memory=10**6, queue=100)
    random = Random(3)
    short = [plan_of(prompt, 20) for prompt in prompts(random, 8, 80)]
    long = plan_of([random.randrange(1, NO_NUMBER) for _ in range(900)], 5)
    with ThreadPoolExecutor(8) as readers:
        tickets = [ask(engine, plan) for plan in short[:4]]
        refused = ask(engine, long)
        tickets += [ask(engine, plan) for plan in short[4:]]
        come = list(readers.map(read, tickets))
    assert come == [greedy(plan.prompt, plan.limit) for plan in short]
    with pytest.raises(ModelError, match="memory is used up"):
        read(refused)
    forward.most = 10**6  # somebody else gave it back
    assert read(ask(engine, long)) == greedy(long.prompt, long.limit)
    engine.close()


def test_a_slot_kept_for_later_makes_room_first() -> None:
    forward = Cramped(600)
    engine = Engine(forward, slots=4, memory=10**6, queue=100)
    for prompt in prompts(Random(4), 6, 100):
        assert read(ask(engine, plan_of(prompt, 10))) == greedy(prompt, 10)
    long = [Random(5).randrange(1, NO_NUMBER) for _ in range(500)]
    assert read(ask(engine, plan_of(long, 20))) == greedy(long, 20)
    engine.close()


class Lost(PureForward):
    """Its device is as a GPU after an assertion in a kernel of it: every operation is refused from then on."""

    def read(self, pieces: Sequence[Piece]) -> torch.Tensor:
        if any(NO_NUMBER in piece.tokens for piece in pieces):
            raise torch.AcceleratorError("CUDA error: device-side assert triggered\nCompile with ...")
        return super().read(pieces)


@pytest.mark.skipif(torch.accelerator.is_available(), reason="a device that is well answers")
def test_a_lost_device_ends_all_and_is_told_to_everybody_after_them() -> None:
    engine = Engine(Lost(), slots=4, memory=1000, queue=100)
    with engine.turn:  # neither is over before the other is there
        good, bad = ask(engine, plan_of([1, 2, 3], 100)), ask(engine, plan_of([1, NO_NUMBER], 3))
    for ticket in (good, bad):
        with pytest.raises(DeviceLostError, match=r"device-side assert triggered$") as lost:
            read(ticket)
        assert "again" in lost.value.hint
    with pytest.raises(DeviceLostError, match="device-side assert"):
        ask(engine, plan_of([1], 3))
    engine.close()
