"""Turns on an event loop: who gets the next one, and that none is lost, whoever leaves when."""

from __future__ import annotations

import asyncio
import random

import pytest

from unified_intelligence.entities.errors import InvalidRequestError, RateLimitedError, ServerBusyError
from unified_intelligence.serving.admission import Admission, Entry, Limits


async def _until(true: asyncio.Event) -> None:
    await asyncio.wait_for(true.wait(), 5)


class _Holder:
    """Somebody with a turn, or waiting for one, until told to go."""

    def __init__(self, admission: Admission, key: Entry | str = "") -> None:
        self.has_turn, self.go = asyncio.Event(), asyncio.Event()
        self.task = asyncio.create_task(self._hold(admission, key))

    async def _hold(self, admission: Admission, key: Entry | str) -> None:
        async with admission.turn(key):
            self.has_turn.set()
            await self.go.wait()


def test_turns_are_given_in_the_order_of_coming() -> None:
    async def scene() -> list[int]:
        admission, order = Admission(Limits(running=1, waiting=10)), list[int]()

        async def come(number: int) -> None:
            async with admission.turn(""):
                order.append(number)
                await asyncio.sleep(0)

        await asyncio.gather(*(come(number) for number in range(10)))
        return order

    assert asyncio.run(scene()) == list(range(10))


def test_of_those_who_wait_a_lower_priority_goes_first_and_each_waits_as_long_as_it_will() -> None:
    async def scene() -> list[int]:
        admission, order = Admission(Limits(running=1, waiting=20, longest_wait=30)), list[int]()
        first = _Holder(admission)
        await _until(first.has_turn)

        async def come(number: int, entry: Entry) -> None:
            async with admission.turn(entry):
                order.append(number)

        with pytest.raises(RateLimitedError, match=r"within 0\.05 s"):
            await come(0, Entry(longest_wait=0.05))
        waiting = [
            asyncio.create_task(come(number, Entry(priority=priority)))
            for number, priority in enumerate([5, 0, 9, 0, 5, 1])
        ]
        await asyncio.sleep(0.01)
        first.go.set()
        await asyncio.gather(*waiting, first.task)
        return order

    assert asyncio.run(scene()) == [1, 3, 5, 0, 4, 2]


def test_a_place_given_up_is_given_on() -> None:
    async def scene() -> None:
        admission = Admission(Limits(running=1, waiting=2))
        first = _Holder(admission)
        await _until(first.has_turn)
        second, third = _Holder(admission), _Holder(admission)
        await asyncio.sleep(0)
        assert admission.waiting == 2
        with pytest.raises(RateLimitedError, match="full"):
            async with admission.turn(""):
                pass
        second.task.cancel()
        await asyncio.gather(second.task, return_exceptions=True)
        assert admission.waiting == 1
        first.go.set()
        await _until(third.has_turn)
        assert (admission.running, admission.waiting) == (1, 0)
        third.go.set()
        await third.task
        assert admission.running == 0

    asyncio.run(scene())


def test_a_turn_that_comes_as_its_owner_leaves_goes_to_the_next() -> None:
    async def scene() -> None:
        admission = Admission(Limits(running=1))
        first = _Holder(admission)
        await _until(first.has_turn)
        second, third = _Holder(admission), _Holder(admission)
        await asyncio.sleep(0)
        first.go.set()
        while admission.waiting == 2:
            await asyncio.sleep(0)
        second.task.cancel()
        await _until(third.has_turn)
        third.go.set()
        await third.task
        assert (admission.running, admission.waiting) == (0, 0)

    asyncio.run(scene())


@pytest.mark.parametrize("seed", range(20))
def test_no_turn_is_lost_or_doubled_whoever_leaves_when(seed: int) -> None:
    async def scene() -> None:
        draw, limits = random.Random(seed), Limits(running=3, waiting=8, per_key=5, longest_wait=0.004)
        admission, most = Admission(limits), 0

        async def come() -> None:
            nonlocal most
            async with admission.turn(draw.choice("ab")):
                most = max(most, admission.running)
                await asyncio.sleep(draw.random() / 500)

        tasks: list[asyncio.Task[None]] = []
        for _ in range(200):
            tasks.append(asyncio.create_task(come()))
            if draw.random() < 0.4:
                draw.choice(tasks).cancel()
            if draw.random() < 0.5:
                await asyncio.sleep(draw.random() / 1000)
            assert admission.running <= 3 and admission.waiting <= 8
        ends = await asyncio.gather(*tasks, return_exceptions=True)
        assert {type(end) for end in ends} <= {type(None), asyncio.CancelledError, RateLimitedError}
        assert ends.count(None) > 20 and most == 3
        assert (admission.running, admission.waiting) == (0, 0)
        holders = [_Holder(admission) for _ in range(3)]
        for holder in holders:
            await _until(holder.has_turn)
            holder.go.set()

    asyncio.run(scene())


def test_the_advice_grows_with_the_queue_and_how_long_answers_take() -> None:
    async def scene() -> None:
        admission = Admission(Limits(running=1, waiting=3))
        assert admission.retry_after() == 1.0
        admission.served.extend([4.0] * 8)
        assert admission.retry_after() == pytest.approx(4.0)
        first = _Holder(admission)
        await _until(first.has_turn)
        waiting = [_Holder(admission) for _ in range(3)]
        await asyncio.sleep(0)
        with pytest.raises(RateLimitedError) as refused:
            async with admission.turn(""):
                pass
        assert (refused.value.status, refused.value.retry_after) == (429, pytest.approx(16.0))
        admission.served.extend([1000.0] * 32)
        assert admission.retry_after() == 60.0
        for holder in (first, *waiting):
            holder.go.set()
            await holder.task

    asyncio.run(scene())


def test_draining_ends_with_what_runs_and_sends_the_waiting_away() -> None:
    async def scene() -> None:
        admission = Admission(Limits(running=1))
        first = _Holder(admission)
        await _until(first.has_turn)
        second = _Holder(admission)
        await asyncio.sleep(0)
        assert not await admission.drain(0.01)
        with pytest.raises(ServerBusyError) as refused:
            await second.task
        assert (refused.value.status, refused.value.retry_after) == (503, 1.0)
        draining = asyncio.create_task(admission.drain(5))
        await asyncio.sleep(0)
        with pytest.raises(ServerBusyError):
            async with admission.turn(""):
                pass
        first.go.set()
        assert await draining
        assert await admission.drain(0)
        assert admission.rejections == {"drain": 2}

    asyncio.run(scene())


def test_an_error_in_a_turn_ends_it() -> None:
    async def scene() -> Admission:
        admission = Admission(Limits(running=1, per_key=1))
        for _ in range(2):
            with pytest.raises(ZeroDivisionError):
                async with admission.turn("a"):
                    raise ZeroDivisionError
        return admission

    assert asyncio.run(scene()).running == 0


def test_a_request_is_let_in_once_with_all_its_answers() -> None:
    async def scene() -> None:
        admission = Admission(Limits(running=2, waiting=2, per_key=3))
        entry = Entry("a", 3)
        first = _Holder(admission, entry)
        await _until(first.has_turn)
        with pytest.raises(RateLimitedError, match="full"):
            async with admission.turn(Entry("b", 2)):
                pass
        with pytest.raises(RateLimitedError, match="key"):
            async with admission.turn("a"):
                pass
        other = _Holder(admission, "b")
        await _until(other.has_turn)
        second, third = _Holder(admission, entry), _Holder(admission, entry)
        await asyncio.sleep(0)
        assert (admission.running, admission.waiting) == (2, 2)
        for holder in (other, first, second, third):
            await _until(holder.has_turn)
            holder.go.set()
            await holder.task
        assert admission.rejections == {"queue": 1, "key": 1}
        async with admission.turn(Entry("a", 3)):
            assert admission.running == 1

    asyncio.run(scene())


def test_answers_that_never_come_keep_no_place() -> None:
    async def scene() -> None:
        admission = Admission(Limits(running=1, waiting=1))
        for _ in range(5):
            async with admission.turn(Entry("", 2)):
                pass

    asyncio.run(scene())


@pytest.mark.parametrize(("key", "answers", "ever"), [("", 4, 3), ("a", 3, 2)])
def test_a_request_that_never_fits_is_told_so(key: str, answers: int, ever: int) -> None:
    async def scene() -> None:
        admission = Admission(Limits(running=1, waiting=2, per_key=2))
        with pytest.raises(InvalidRequestError, match=f"{answers} answers; this server takes at most {ever} at once"):
            async with admission.turn(Entry(key, answers)):
                pass
        async with admission.turn(Entry(key, ever)):
            pass

    asyncio.run(scene())


def test_without_keys_nobody_is_bound_by_theirs() -> None:
    async def scene() -> None:
        admission = Admission(Limits(running=2, waiting=2, per_key=1))
        holders = [_Holder(admission) for _ in range(4)]
        await _until(holders[1].has_turn)
        assert (admission.running, admission.waiting) == (2, 2)
        for holder in holders:
            holder.go.set()
            await holder.task

    asyncio.run(scene())


def test_what_has_begun_is_spared_by_the_end_and_by_the_clock() -> None:
    async def scene() -> None:
        admission, entry = Admission(Limits(running=1, longest_wait=0.05)), Entry("", 3)
        answers = [_Holder(admission, entry) for _ in range(3)]
        await _until(answers[0].has_turn)
        other = _Holder(admission, Entry("", 2))
        await asyncio.sleep(0)
        draining = asyncio.create_task(admission.drain(5))
        with pytest.raises(ServerBusyError):
            await other.task
        await asyncio.sleep(0.2)
        for answer in answers:
            await _until(answer.has_turn)
            answer.go.set()
        assert await draining
        await asyncio.gather(*(answer.task for answer in answers))
        assert (admission.running, admission.waiting) == (0, 0)

    asyncio.run(scene())
