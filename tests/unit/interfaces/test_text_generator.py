"""The bridges between the four methods, over generators that really wait."""

from __future__ import annotations

import asyncio
import contextvars
import threading
import time
from collections.abc import AsyncIterator, Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from typing import Any

import pytest

from unified_intelligence.entities.errors import InvalidRequestError, ModelError, StreamInterruptedError
from unified_intelligence.entities.generation import (
    Event,
    Finished,
    Generation,
    GenerationConfig,
    ReasoningDelta,
    TextDelta,
    collect,
)
from unified_intelligence.entities.message import MessageLike
from unified_intelligence.interfaces.background_loop import THREAD_NAME
from unified_intelligence.interfaces.text_generator import InProcessTextGenerator, ITextGenerator

ANSWER = (ReasoningDelta("Hm…"), TextDelta("Ça va,\n"), TextDelta(" merci 🙂"), Finished("stop"))


class Waiting(ITextGenerator):
    """Waits between events as a network does, and notes what it lived through."""

    def __init__(self, events: Sequence[Event | Exception] = ANSWER) -> None:
        self.events = events
        self.log: list[str] = []

    async def astream(
        self, messages: str | Sequence[MessageLike], config: GenerationConfig | None = None
    ) -> AsyncIterator[Event]:
        try:
            async with asyncio.timeout(30):
                for event in self.events:
                    await asyncio.sleep(0)
                    if isinstance(event, Exception):
                        raise event
                    yield event
        except asyncio.CancelledError:
            self.log.append("cancelled")
            raise
        finally:
            await asyncio.sleep(0)
            self.log.append("closed")


class Computing(InProcessTextGenerator):
    """`compute` is called before each event, with its place."""

    def __init__(
        self, events: Sequence[Event | Exception] = ANSWER, compute: Callable[[int], object] = lambda place: None
    ) -> None:
        self.events, self.compute = events, compute
        self.log: list[str] = []

    def stream(
        self, messages: str | Sequence[MessageLike], config: GenerationConfig | None = None
    ) -> Generator[Event, None, None]:
        try:
            for place, event in enumerate(self.events):
                self.compute(place)
                if isinstance(event, Exception):
                    raise event
                self.log.append(threading.current_thread().name)
                yield event
        finally:
            self.log.append("closed")


def ways_to_ask(generator: ITextGenerator) -> list[Callable[[], Generation]]:
    return [
        lambda: generator.generate("x"),
        lambda: collect(generator.stream("x")),
        lambda: asyncio.run(generator.agenerate("x")),
    ]


@pytest.mark.parametrize("made", [Waiting, Computing])
def test_the_four_methods_agree(made: type[Waiting | Computing]) -> None:
    generator = made()
    assert tuple(generator.stream("x")) == ANSWER
    answer = generator.generate("x")
    assert (answer.text, answer.reasoning, answer.finish_reason) == ("Ça va,\n merci 🙂", "Hm…", "stop")
    assert asyncio.run(generator.agenerate("x")) == answer
    assert generator.log.count("closed") == 3


@pytest.mark.parametrize("made", [Waiting, Computing])
def test_a_failure_half_way_is_raised_by_each(made: type[Waiting | Computing]) -> None:
    failure = ModelError("The model broke.")
    generator = made((TextDelta("Ça"), failure))
    for ask in ways_to_ask(generator):
        with pytest.raises(ModelError) as raised:
            ask()
        assert raised.value is failure


@pytest.mark.parametrize("made", [Waiting, Computing])
def test_a_stream_without_its_end_is_interrupted_and_keeps_what_came(made: type[Waiting | Computing]) -> None:
    generator = made(ANSWER[:2])
    for ask in ways_to_ask(generator):
        with pytest.raises(StreamInterruptedError) as interrupted:
            ask()
        assert interrupted.value.partial == "Ça va,\n"


def test_a_closed_synchronous_stream_closes_the_asynchronous_one() -> None:
    generator = Waiting([ANSWER[0]] * 10_000)  # a short one may be at its own end by then
    events: Any = generator.stream("x")
    assert next(events) == ANSWER[0]
    events.close()
    assert generator.log[-1] == "closed"


def test_a_stream_closed_while_it_waits_is_cancelled() -> None:
    class Endless(Waiting):
        async def astream(
            self, messages: str | Sequence[MessageLike], config: GenerationConfig | None = None
        ) -> AsyncIterator[Event]:
            yield TextDelta("Ça")
            try:
                await asyncio.sleep(60)
            finally:
                self.log.append("closed")

    generator = Endless()
    events: Any = generator.stream("x")
    next(events)
    started = time.monotonic()
    events.close()
    assert time.monotonic() - started < 2
    assert generator.log == ["closed"]


def test_all_synchronous_streams_share_one_loop() -> None:
    class Telling(Waiting):
        async def astream(
            self, messages: str | Sequence[MessageLike], config: GenerationConfig | None = None
        ) -> AsyncIterator[Event]:
            yield TextDelta(f"{id(asyncio.get_running_loop())} {threading.current_thread().name}")
            yield Finished("stop")

    with ThreadPoolExecutor(4) as pool:
        told = {future.result().text for future in [pool.submit(Telling().generate, "x") for _ in range(8)]}
    assert len(told) == 1
    assert told.pop().endswith(THREAD_NAME)


def test_a_caller_that_takes_its_time_lets_no_timer_run_out() -> None:
    class Impatient(Waiting):
        async def astream(
            self, messages: str | Sequence[MessageLike], config: GenerationConfig | None = None
        ) -> AsyncIterator[Event]:
            for word in ("un ", "deux ", "trois"):
                async with asyncio.timeout(0.05):
                    await asyncio.sleep(0.001)
                yield TextDelta(word)
            yield Finished("stop")

    texts: list[str] = []
    for event in Impatient().stream("x"):
        time.sleep(0.1)
        if isinstance(event, TextDelta):
            texts.append(event.text)
    assert texts == ["un ", "deux ", "trois"]


def test_a_slow_caller_holds_the_provider_back() -> None:
    class Prolific(Waiting):
        made = 0

        async def astream(
            self, messages: str | Sequence[MessageLike], config: GenerationConfig | None = None
        ) -> AsyncIterator[Event]:
            while True:
                self.made += 1
                yield TextDelta("é")

    generator = Prolific()
    events: Any = generator.stream("x")
    next(events)
    time.sleep(0.05)
    assert generator.made < 1100
    events.close()


def test_one_context_holds_for_the_whole_synchronous_stream() -> None:
    seen = contextvars.ContextVar("seen", default="")

    class Remembering(Waiting):
        async def astream(
            self, messages: str | Sequence[MessageLike], config: GenerationConfig | None = None
        ) -> AsyncIterator[Event]:
            token = seen.set("é")
            task = asyncio.current_task()
            yield TextDelta("a")
            assert asyncio.current_task() is task
            yield TextDelta(seen.get())
            seen.reset(token)
            yield Finished("stop")

    assert Remembering().generate("x").text == "aé"


@pytest.mark.parametrize(("method", "instead"), [("generate", "agenerate"), ("stream", "astream")])
def test_inside_a_loop_a_waiting_generator_refuses_and_names_the_other(method: str, instead: str) -> None:
    generator = Waiting()

    async def inside() -> None:
        if method == "generate":
            generator.generate("x")
        else:
            list(generator.stream("x"))

    with pytest.raises(InvalidRequestError, match=rf"{method}\(\)") as refused:
        asyncio.run(inside())
    assert f"{instead}()" in refused.value.hint
    assert generator.log == []


def test_a_computing_generator_answers_inside_a_loop_too() -> None:
    async def inside() -> str:
        return Computing().generate("x").text

    assert asyncio.run(inside()) == "Ça va,\n merci 🙂"


def test_computing_runs_beside_the_loop() -> None:
    ticked = threading.Event()
    generator = Computing(compute=lambda place: ticked.wait(30))

    async def tick() -> None:
        await asyncio.sleep(0.005)
        ticked.set()

    async def both() -> None:
        ticking = asyncio.create_task(tick())
        await generator.agenerate("x")
        await ticking

    before = time.monotonic()
    asyncio.run(both())
    assert time.monotonic() - before < 30
    assert all(name.startswith("generate") for name in generator.log[:-1])


def test_a_cancelled_computation_stops_after_its_event_and_its_thread_ends() -> None:
    begun, left = threading.Event(), threading.Event()

    def second_takes_long(place: int) -> None:
        if place == 1:
            begun.set()
            left.wait(30)

    generator, before = Computing(compute=second_takes_long), set(threading.enumerate())

    async def cancelled() -> None:
        asking = asyncio.create_task(generator.agenerate("x"))
        while not begun.is_set():
            await asyncio.sleep(0.001)
        asking.cancel()
        try:
            await asking
        finally:
            left.set()

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(cancelled())
    deadline = time.monotonic() + 10
    while set(threading.enumerate()) - before and time.monotonic() < deadline:
        time.sleep(0.005)
    assert set(threading.enumerate()) <= before
    assert generator.log[-1] == "closed"
    assert len(generator.log) <= 3


def test_closing_an_asynchronous_stream_closes_the_computation() -> None:
    closing = threading.Event()
    generator = Computing(compute=lambda place: place == 0 or closing.wait(30))

    async def first() -> Event:
        stream: Any = generator.astream("x")
        async with aclosing(stream):
            event = await anext(stream)
        closing.set()
        return event

    assert asyncio.run(first()) == ANSWER[0]
    deadline = time.monotonic() + 5
    while "closed" not in generator.log and time.monotonic() < deadline:
        time.sleep(0.005)
    assert generator.log[-1] == "closed"
    assert len(generator.log) <= 3
