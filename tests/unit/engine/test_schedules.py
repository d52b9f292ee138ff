"""Ten thousand random schedules: arrivals, cancellations, lengths, priorities, deadlines, memory, and what breaks."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from random import Random

import torch

from tests.unit.engine.pure_forward import (
    BREAKS,
    END,
    NO_NUMBER,
    VOCABULARY,
    PureForward,
    greedy,
    logits_after,
)
from unified_intelligence.engine.decode import Plan, Writing
from unified_intelligence.engine.forward import Piece
from unified_intelligence.engine.sampling import Chosen
from unified_intelligence.engine.scheduler import Pace, Row, Scheduler
from unified_intelligence.engine.text import TextOfTokens
from unified_intelligence.engine.thinking import Thinking, ThinkingLimit
from unified_intelligence.engine.ticket import End, Ticket
from unified_intelligence.entities.errors import ContextLengthError, ModelError, TimedOutError
from unified_intelligence.entities.reasoning import TagSplitter
from unified_intelligence.profiles import qwen3
from unified_intelligence.profiles.sampling import Sampling

CPU = torch.device("cpu")
CLOSING = (3, 1, 4, 1, 5, 20)  # the last of them is the tag
GREEDY, DRAWN = Sampling(0.0), Sampling(1.0, top_k=5)


class Steady(Pace):
    """As many tokens as are given, instead of what this machine reads in a time."""

    def __init__(self, tokens: int) -> None:
        super().__init__()
        self._tokens = tokens

    def tokens(self, seconds: float) -> int:
        return self._tokens


@dataclass(eq=False)
class Asked:
    """A request, and what came of it. `cancelled_after` tokens its consumer goes away; None: it stays."""

    plan: Plan
    thinks: bool = False
    cancelled_after: int | None = None
    ticket: Ticket = field(default_factory=Ticket)
    come: list[int] = field(default_factory=list[int])
    end: End | Exception | None = None
    read: int = 0
    row: Row = field(init=False)

    def writing(self) -> Writing:
        limit = ThinkingLimit(CLOSING, most=2)
        splitter = TagSplitter(qwen3.TAGS, "reasoning")
        thinking = Thinking(limit, TextOfTokens(_text), splitter) if self.thinks else None
        return Writing(self.plan, thinking, CPU)

    def consume(self) -> None:
        while not self.ticket._come.empty():
            item = self.ticket._come.get()
            assert self.end is None, "something came after the end"
            if isinstance(item, Chosen):
                self.come.append(item.token)
            else:
                self.end = item
        if self.cancelled_after is not None and len(self.come) >= self.cancelled_after:
            self.ticket.cancel()

    def expected(self) -> tuple[list[int], bool]:
        """The answer of a model that nobody else uses."""
        if self.plan.sampling is GREEDY and not self.thinks:
            return greedy(self.plan.prompt, self.plan.limit)
        writing = self.writing()
        writing.forced()
        while writing.goes_on and writing.take(logits_after(writing.tokens)):
            writing.forced()
        return writing.tokens[len(self.plan.prompt) :], writing.complete


def _text(tokens: list[int]) -> str:
    return "".join("</think>" if token == CLOSING[-1] else "x" for token in tokens)


class Schedule:
    """One of them, step by step, with every promise looked at after each."""

    def __init__(self, random: Random) -> None:
        self.random, self.memory, self.most = random, random.randint(20, 260), random.randint(1, 4)
        self.rewinds = random.random() < 0.8
        together = self.rewinds and random.random() < 0.8
        page = random.choice([1, 3, 8])
        self.memory -= self.memory % page
        self.forward = PureForward(rewinds=self.rewinds, together=together, memory=self.memory, page=page)
        self.forward.on_read = self._note
        self.scheduler = Scheduler(self.forward, slots=self.most, memory=self.memory)
        self.scheduler._pace = Steady(random.choice([16, 17, 30, 64]))
        self.begun = [[random.randrange(1, 20) for _ in range(random.randint(1, 60))] for _ in range(2)]
        self.asked: list[Asked] = []
        self.seen: set[int] = set()

    def run(self) -> None:
        left = self.random.randint(1, 6)
        for step in range(1000):
            while left and self.random.random() < (0.9 if step == 0 else 0.3):
                left -= 1
                self._ask()
            if not left and not self.scheduler.running + self.scheduler.waiting:
                break
            self._step()
        else:
            raise AssertionError("it never ended")
        assert not self.scheduler._slots.busy
        for one in self.asked:
            self._check_answer(one)

    def _ask(self) -> None:
        random = self.random
        beginning = random.choice(self.begun)
        prompt = beginning[: random.randint(1, len(beginning))]
        prompt = prompt + [random.randrange(1, 20) for _ in range(random.choice([0, 0, 1, 5, 40]))]
        if random.random() < 0.05:
            prompt[random.randrange(len(prompt))] = random.choice([NO_NUMBER, BREAKS])
        sampling = DRAWN if random.random() < 0.1 else GREEDY
        ends, adapter = frozenset({END}), random.choice(["", "", "", "one", "other"])
        plan = Plan(prompt, random.randint(1, 7), ends, sampling, random.randrange(9), adapter=adapter)
        one = Asked(plan, random.random() < 0.1, random.choice([None, None, None, 0, 1, 3]))
        one.row = Row(one.writing(), one.ticket, random.choice([0, 0, 0, -1, 1]))
        if random.random() < 0.05:
            one.row.deadline = time.monotonic() + random.choice([-1, 1000])
        try:
            self.scheduler.check(one.row.writing)
        except ContextLengthError:
            assert len(prompt) + plan.limit > self.memory
            return
        self.scheduler.add(one.row)
        self.asked.append(one)
        if self.random.random() < 0.3:
            one.consume()  # cancelled before it was begun, where it is to be cancelled at once

    def _step(self) -> None:
        cancelled = [one for one in self.asked if one.ticket.cancelled]
        told = self.scheduler.step()
        assert all(not one.ticket._come.empty() for one in self.asked if one.ticket in told)
        running, waiting = set(self.scheduler._rows), set(self.scheduler._waiting)
        assert not any(one.row in running | waiting for one in cancelled)
        self._check_slots()
        begun = [row for row in running if row.number not in self.seen]
        self.seen |= {row.number for row in running}
        order = [(row.priority, row.number) for row in waiting]
        assert all((row.priority, row.number) < min(order) for row in begun if order), "somebody was passed by"
        for one in self.asked:
            one.consume()

    def _check_slots(self) -> None:
        slots, busy = self.scheduler._slots._slots, self.scheduler._slots.busy
        assert len(busy) == self.scheduler.running <= self.most
        assert {id(slot) for slot in busy} == {id(row.slot) for row in self.scheduler._rows}
        assert [slot.index for slot in slots] == list(range(len(slots))) and len(slots) <= self.most
        assert self.forward.held <= self.memory
        for slot in slots:
            text = self.forward.text(slot.index)[: slot.read]
            assert text == list(slot.tokens[: slot.read])
            assert slot.most or len(slot.tokens) == slot.read
            assert slot.most or not {NO_NUMBER, BREAKS} & set(text)
        if not busy:
            assert self.forward.held == self.forward.room({slot.index: slot.read for slot in slots}), "pages are lost"

    def _check_answer(self, one: Asked) -> None:
        prompt = one.plan.prompt
        match one.end:
            case End():
                expected, complete = one.expected()
                if one.end.complete or not one.ticket.cancelled:
                    assert (one.come, one.end.complete) == (expected, complete)
                    unread = len(prompt) + len(expected) - one.ticket.cached - one.read
                    assert unread == 0 if complete else unread >= 1
                    assert complete or one.thinks or unread == 1
                else:
                    assert one.come == expected[: len(one.come)]
            case TimedOutError():
                assert one.row.deadline is not None and not one.come
            case ModelError():
                assert {NO_NUMBER, BREAKS} & set(prompt) and not one.come
            case _:
                raise AssertionError(f"no end but {one.end!r}")
        assert self.rewinds or not one.ticket.cached
        assert one.ticket.cached < len(prompt)

    def _note(self, piece: Piece) -> None:
        (one,) = (one for one in self.asked if one.row in self.scheduler._rows and one.row.slot.index == piece.slot)
        one.read += len(piece.tokens)


def test_ten_thousand_schedules_keep_every_promise() -> None:
    seen: Counter[str] = Counter()
    for seed in range(10_000):
        schedule = Schedule(Random(seed))
        try:
            schedule.run()
        except Exception as error:
            raise AssertionError(f"schedule {seed}: {error}") from error
        for one in schedule.asked:
            seen[type(one.end).__name__] += 1
            seen["shared"] += one.ticket.cached > 0
            seen["cancelled"] += one.ticket.cancelled
            seen["broken"] += isinstance(one.end, ModelError)
    assert min(seen.values()) > 100, seen
    assert len(seen) == 6 and VOCABULARY > BREAKS
