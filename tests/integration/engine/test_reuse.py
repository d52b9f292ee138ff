"""What two conversations begin with is read once, a long prompt stalls nobody, and nothing of it shows in an answer."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import pytest

from tests.integration.engine.pure_forward import END, PureForward, greedy
from tests.integration.engine.test_schedules import Steady
from unified_intelligence.engine.decode import Plan, Writing
from unified_intelligence.engine.sampling import Chosen
from unified_intelligence.engine.scheduler import Row, Scheduler
from unified_intelligence.engine.ticket import End, Ticket
from unified_intelligence.profiles.sampling import Sampling

GREEDY = Sampling(0.0)


class Desk:
    """A scheduler on a forward pass that counts."""

    def __init__(self, *, slots: int = 16, memory: int = 100_000, tokens: int = 64, rewinds: bool = True) -> None:
        self.forward = PureForward(memory=memory, rewinds=rewinds, together=rewinds)
        self.scheduler = Scheduler(self.forward, slots=slots, memory=memory)
        self.scheduler._pace = Steady(tokens)

    @property
    def read(self) -> int:
        return self.forward.read_tokens.total()

    def ask(self, prompt: Sequence[int], limit: int = 8, ends: frozenset[int] = frozenset({END})) -> Ticket:
        ticket = Ticket()
        plan = Plan(list(prompt), limit, ends, GREEDY, None)
        self.scheduler.check(writing := Writing(plan, None))
        self.scheduler.add(Row(writing, ticket))
        return ticket

    def run(self) -> None:
        while self.scheduler.running + self.scheduler.waiting:
            self.scheduler.step()

    def step(self, ticket: Ticket) -> int:
        """How many tokens one step told of it."""
        self.scheduler.step()
        return len(come(ticket))

    def answer(self, prompt: Sequence[int], limit: int = 8) -> list[int]:
        ticket = self.ask(prompt, limit)
        self.run()
        return come(ticket)


def come(ticket: Ticket) -> list[int]:
    """What has come by now."""
    tokens = list[int]()
    while not ticket._come.empty():
        item = ticket._come.get()
        assert isinstance(item, Chosen | End), item
        tokens += [item.token] if isinstance(item, Chosen) else []
    return tokens


def text(length: int, seed: int = 0) -> list[int]:
    random = Random(seed)
    return [random.randrange(1, 20) for _ in range(length)]


def test_a_growing_conversation_is_read_on_and_not_again() -> None:
    desk, conversation, random = Desk(), text(300), Random(1)
    for turn in range(6):
        before = desk.read
        answer = desk.answer(conversation)
        assert answer == greedy(conversation, 8)[0]
        if turn:
            assert desk.read - before <= 40 + 2 * 8
        conversation += answer + [random.randrange(1, 20) for _ in range(40)]


def test_a_shared_beginning_is_read_once_one_after_the_other() -> None:
    desk, shared = Desk(), text(500)
    for number in range(10):
        prompt = shared + text(20, number + 1)
        assert desk.answer(prompt) == greedy(prompt, 8)[0]
    assert desk.read <= 500 + 10 * (20 + 8)


@pytest.mark.parametrize("tokens", [16, 100, 10_000])
def test_a_shared_beginning_is_read_once_by_eight_who_come_together(tokens: int) -> None:
    desk, shared = Desk(tokens=tokens), text(500)
    prompts = [[*shared, number + 1, *text(19, number)] for number in range(8)]
    tickets = [desk.ask(prompt) for prompt in prompts]
    desk.run()
    assert [come(ticket) for ticket in tickets] == [greedy(prompt, 8)[0] for prompt in prompts]
    assert desk.read <= 500 + 8 * (20 + 8)
    assert [ticket.cached for ticket in tickets] == [0, *[500] * 7]


def test_followers_read_for_themselves_when_their_leader_goes_away() -> None:
    desk, shared = Desk(tokens=16), text(500)
    prompts = [[*shared, number + 1, *text(19, number)] for number in range(8)]
    tickets = [desk.ask(prompt) for prompt in prompts]
    desk.scheduler.step()
    desk.scheduler.step()
    tickets[0].cancel()
    desk.run()
    assert [come(ticket) for ticket in tickets[1:]] == [greedy(prompt, 8)[0] for prompt in prompts[1:]]


def test_the_same_question_again_is_read_but_for_its_last_token() -> None:
    desk, prompt = Desk(), text(100)
    first = desk.answer(prompt)
    before = desk.read
    ticket = desk.ask(prompt)
    desk.run()
    assert come(ticket) == first == greedy(prompt, 8)[0]
    assert ticket.cached == 99 and desk.read - before <= 1 + 8


def test_a_cache_that_cannot_go_back_shares_nothing() -> None:
    desk, prompt = Desk(rewinds=False), text(100)
    assert desk.answer(prompt) == desk.answer(prompt) == greedy(prompt, 8)[0]
    assert desk.read >= 200


def test_a_prompt_cancelled_half_read_keeps_what_was_sound_before() -> None:
    desk, conversation = Desk(tokens=16), text(200)
    desk.answer(conversation)
    ticket = desk.ask(conversation + text(200, 1))
    desk.scheduler.step()
    ticket.cancel()
    desk.run()
    before = desk.read
    again = conversation + text(20, 2)
    assert desk.answer(again) == greedy(again, 8)[0]
    assert desk.read - before <= 20 + 8


def test_the_longest_unused_conversation_goes_first() -> None:
    desk = Desk(slots=3)
    old, middle, new = text(100, 1), text(100, 2), text(100, 3)
    for prompt in (old, middle, new, old):
        desk.answer(prompt)
    desk.answer(text(100, 4))
    before = desk.read
    desk.answer(old)
    desk.answer(new)
    assert desk.read - before <= 2 * (1 + 8)


@pytest.mark.parametrize("tokens", [16, 64, 500])
def test_while_a_long_prompt_is_read_another_answer_goes_on_with_every_step(tokens: int) -> None:
    desk = Desk(tokens=tokens)
    stream = desk.ask(text(10), 1000, ends=frozenset())
    assert desk.step(stream) == 1
    long = desk.ask(text(3000, 1), 4)
    steps = 0
    while not (told := come(long)):
        before = desk.read
        assert desk.step(stream) == 1
        assert desk.read - before <= tokens + 1
        steps += 1
    assert told == greedy(text(3000, 1), 4)[0][:1]
    assert steps == -(-3000 // tokens)


def test_a_short_question_does_not_wait_for_a_long_one_before_it_and_the_long_one_gets_on() -> None:
    desk = Desk(tokens=64)
    long, short = [3] * 3000, [5] * 60
    slow = desk.ask(long)
    desk.scheduler.step()
    quick = desk.ask(short, ends=frozenset())
    steps = next(step for step in range(1, 10) if desk.step(quick))
    assert steps == 2, "half of each step's 64 tokens"
    before = desk.read
    desk.scheduler.step()
    assert desk.read - before > 60, "the rest is for the long one"
    desk.run()
    assert come(slow) == greedy(long, 8)[0]
