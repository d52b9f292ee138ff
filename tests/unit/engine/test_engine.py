"""The engine's thread: who asks from where, who goes away, what breaks, and how it all ends."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import asyncio
import gc
import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from random import Random
from typing import Any

import pytest
import torch

from tests.unit.engine.pure_forward import BREAKS, END, NO_NUMBER, VOCABULARY, PureForward, greedy
from tests.unit.engine.tiny_models import LONGEST, logits_of, tiny
from unified_intelligence.engine import engine as engine_module
from unified_intelligence.engine.decode import Plan, Writing
from unified_intelligence.engine.engine import THREAD_NAME, Engine
from unified_intelligence.engine.forward import Forward, Piece
from unified_intelligence.engine.fused import FusedForward
from unified_intelligence.engine.plain import PlainForward
from unified_intelligence.engine.sampling import Chosen
from unified_intelligence.engine.scheduler import Row, Scheduler
from unified_intelligence.engine.ticket import End, Ticket
from unified_intelligence.entities.errors import (
    ContextLengthError,
    InvalidRequestError,
    ModelError,
    ServerBusyError,
    TimedOutError,
)
from unified_intelligence.profiles.sampling import Sampling

CPU, GREEDY = torch.device("cpu"), Sampling(0.0)
ENDLESS = 10**6


def writing(prompt: list[int], limit: int = 8) -> Writing:
    ends = frozenset[int]() if limit == ENDLESS else frozenset({END})
    return Writing(Plan(prompt, limit, ends, GREEDY, None), None, CPU)


def read(ticket: Ticket) -> list[int]:
    return [chosen.token for chosen in ticket.tokens()]


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == THREAD_NAME]


def wait_until(condition: Any, seconds: float = 20) -> None:
    until = time.monotonic() + seconds
    while not condition() and time.monotonic() < until:
        time.sleep(0.01)
    assert condition()


class Breathing(PureForward):
    """Lets other threads run between its passes, as products do."""

    def read(self, pieces: Any) -> torch.Tensor:
        time.sleep(0.0005)
        return super().read(pieces)


class Slow(PureForward):
    """As long a pass as that of a large model."""

    def read(self, pieces: Any) -> torch.Tensor:
        time.sleep(0.04)
        return super().read(pieces)


@pytest.fixture
def engine() -> Iterator[Engine]:
    engine = Engine(Breathing(), slots=4, memory=10**7, queue=200)
    yield engine
    engine.close()
    wait_until(lambda: not threads())


def test_what_breaks_a_pass_or_is_no_number_fails_alone(engine: Engine) -> None:
    prompts = [[number + 1, 7, 8] for number in range(12)]
    prompts[3][1], prompts[7][0], prompts[8][2] = BREAKS, NO_NUMBER, BREAKS
    for number, ticket in enumerate([engine.submit(writing(prompt)) for prompt in prompts]):
        if number in {3, 7, 8}:
            with pytest.raises(ModelError):
                read(ticket)
        else:
            assert read(ticket) == greedy(prompts[number], 8)[0]


class Faulty(Writing):
    """Breaks with what nobody expects, at its beginning or later."""

    def __init__(self, plan: Plan, at: int) -> None:
        super().__init__(plan, None, CPU)
        self._left = at

    def forced(self) -> list[Chosen]:
        self._left -= 1
        if self._left < 0:
            raise KeyError("of all things")
        return []


@pytest.mark.parametrize("at", [0, 1, 3])
def test_a_fault_of_ours_in_one_answer_ends_that_one(engine: Engine, at: int) -> None:
    other = engine.submit(writing([5, 6], 60))
    faulty = engine.submit(Faulty(Plan([1, 2], 60, frozenset(), GREEDY, None), at))
    come = list[int]()
    with pytest.raises(ModelError, match="of all things") as raised:
        come.extend(chosen.token for chosen in faulty.tokens())
    assert isinstance(raised.value.__cause__, KeyError)
    assert read(other) == greedy([5, 6], 60)[0]


@pytest.mark.parametrize(("prompt", "error"), [
    ([], InvalidRequestError), ([1, -1], InvalidRequestError), ([1, VOCABULARY], InvalidRequestError),
    ([1] * 300, ContextLengthError),
])  # fmt: skip
def test_what_no_model_can_read_is_refused_at_once(prompt: list[int], error: type[Exception]) -> None:
    forward = PureForward()
    forward.vocabulary, forward.longest = VOCABULARY, 300
    engine = Engine(forward, slots=2, memory=1000, queue=5)
    with pytest.raises(error):
        engine.submit(writing(prompt))
    assert read(engine.submit(writing([1, 2]))) == greedy([1, 2], 8)[0]
    engine.close()


def test_both_passes_say_what_they_can_read() -> None:
    assert FusedForward(tiny("Llama"), longest=LONGEST).vocabulary == 97
    assert FusedForward(tiny("Llama"), longest=77).longest == 77
    assert PlainForward(tiny("Llama")).vocabulary == 97


def advance(scheduler: Scheduler, rows: list[Row], steps: int) -> None:
    for row in rows:
        scheduler.add(row)
    for _ in range(steps):
        scheduler.step()


def test_keys_that_are_no_numbers_end_one_answer_and_not_the_next_of_its_slot() -> None:
    model = tiny("Qwen3")
    best = int(logits_of(model, [4, 5, 6])[-1].argmax())
    forward = FusedForward(model, longest=LONGEST)
    scheduler = Scheduler(forward, slots=3, memory=3000)
    rows = [Row(Writing(Plan([at, 2, 3], 30, frozenset(), GREEDY, None), None, CPU), Ticket()) for at in range(3)]
    advance(scheduler, rows, 5)
    with torch.inference_mode():
        forward._caches[1].values[forward._tables.table(rows[1].slot.index)[0], :, 2] = float("nan")
    while scheduler.running:
        scheduler.step()
    told = [[row.ticket._come.get() for _ in range(row.ticket._come.qsize())] for row in rows]
    assert [type(items[-1]) for items in told] == [End, ModelError, End]
    assert [len(items) for items in told] == [31, 6, 31]
    again = [Row(Writing(Plan([4, 5, 6], 1, frozenset(), GREEDY, None), None, CPU), Ticket()) for _ in range(3)]
    advance(scheduler, again, 3)
    assert [read(row.ticket) for row in again] == [[best]] * 3
    assert all(bool((cache.values.isfinite() & cache.keys.isfinite()).all()) for cache in forward._caches)


@pytest.mark.parametrize("more", [{"sliding_window": 8}, {"sliding_window": None}])
@pytest.mark.parametrize("error", [torch.OutOfMemoryError, KeyError])
def test_a_pass_of_transformers_that_breaks_ends_its_own_answer(more: dict[str, Any], error: type[Exception]) -> None:
    model = tiny("Mistral", **more)
    expected = read_alone(PlainForward(model))

    def refuse(_: Any, inputs: tuple[torch.Tensor]) -> None:
        if 96 in inputs[0]:
            raise error("no room")

    model.get_input_embeddings().register_forward_pre_hook(refuse)
    engine = Engine(PlainForward(model), slots=3, memory=1000, queue=9)
    tickets = [engine.submit(writing(prompt)) for prompt in ([1, 2], [1, 96], [3, 4], [5] * 40 + [96])]
    for broken in (tickets[1], tickets[3]):
        with pytest.raises(ModelError, match=r"memory|room"):
            read(broken)
    assert [read(tickets[0]), read(tickets[2])] == expected
    engine.close()


def read_alone(forward: Forward) -> list[list[int]]:
    engine = Engine(forward, slots=1, memory=1000, queue=9)
    answers = [read(engine.submit(writing(prompt))) for prompt in ([1, 2], [3, 4])]
    engine.close()
    return answers


def test_too_many_are_refused_and_those_whose_time_is_up_are_not_begun() -> None:
    engine = Engine(Breathing(), slots=1, memory=10**7, queue=3)
    running = engine.submit(writing([1], ENDLESS))
    stream = running.tokens()
    next(stream)
    late = engine.submit(writing([2]), deadline=time.monotonic() + 0.05)
    waiting = [engine.submit(writing([3])), engine.submit(writing([4]), priority=-1)]
    with pytest.raises(ServerBusyError):
        engine.submit(writing([5]))
    with pytest.raises(TimedOutError, match="queue"):
        read(late)
    stream.close()
    assert [read(ticket) for ticket in waiting] == [greedy([3], 8)[0], greedy([4], 8)[0]]
    engine.close()


def test_a_reader_on_a_loop_that_is_closed_and_one_that_never_reads_hold_nobody_up(engine: Engine) -> None:
    left: list[Any] = []

    async def leave() -> None:
        ticket = engine.submit(writing([1], ENDLESS), loop=asyncio.get_running_loop())
        stream = ticket.atokens()
        await anext(stream)
        left.append((ticket, stream))

    loop = asyncio.new_event_loop()
    loop.run_until_complete(leave())
    loop.close()
    never = [engine.submit(writing([number], 50)) for number in (2, 3)]
    for number in range(20):
        assert read(engine.submit(writing([number + 1]))) == greedy([number + 1], 8)[0]
    wait_until(lambda: left[0][0].cancelled and not engine._scheduler.running)
    assert [read(ticket) for ticket in never] == [greedy([number], 50)[0] for number in (2, 3)]
    with closing(asyncio.new_event_loop()) as loop:
        loop.run_until_complete(left.pop()[1].aclose())
        gc.collect()


def test_fifty_threads_and_a_loop_at_once(engine: Engine) -> None:
    random = Random(4)
    prompts = [[random.randrange(1, 20) for _ in range(random.randint(1, 40))] for _ in range(150)]

    async def on_a_loop(prompt: list[int]) -> list[int]:
        ticket = engine.submit(writing(prompt), loop=asyncio.get_running_loop())
        come = list[int]()
        async for items in ticket.atokens():
            if isinstance(items, list):
                come += [chosen.token for chosen in items]
        return come

    def ask(prompt: list[int]) -> list[int]:
        return read(engine.submit(writing(prompt)))

    async def all_of(prompts: list[list[int]]) -> list[list[int]]:
        return await asyncio.gather(*map(on_a_loop, prompts))

    with ThreadPoolExecutor(51) as pool:
        on_loop = pool.submit(lambda: asyncio.run(all_of(prompts[100:])))
        in_threads = list(pool.map(ask, prompts[:100]))
        assert [*in_threads, *on_loop.result()] == [greedy(prompt, 8)[0] for prompt in prompts]
    assert len(threads()) == 1


def test_an_idle_thread_ends_and_the_next_request_starts_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_module, "_IDLE", 0.05)
    engine = Engine(PureForward(), slots=2, memory=1000, queue=5)
    for _ in range(3):
        assert read(engine.submit(writing([1, 2]))) == greedy([1, 2], 8)[0]
        assert len(threads()) <= 1
        wait_until(lambda: not threads())


def test_closing_ends_what_runs_and_what_waits_and_leaves_it_usable() -> None:
    engine = Engine(Breathing(), slots=1, memory=10**7, queue=5)
    tickets = [engine.submit(writing([number], ENDLESS)) for number in range(3)]
    with closing(tickets[0].tokens()) as first:
        next(first)
        engine.close()
        assert not threads()
        with pytest.raises(ModelError, match="closed"):
            list(first)
    for ticket in tickets[1:]:
        with pytest.raises(ModelError, match="closed"):
            read(ticket)
    engine.close()
    assert read(engine.submit(writing([1, 2]))) == greedy([1, 2], 8)[0]
    engine.close()


def test_a_request_beside_the_closing_does_not_undo_it() -> None:
    forward, held, go = PureForward(), threading.Event(), threading.Event()

    def hold(_: Piece) -> None:
        held.set()
        go.wait(20)

    forward.on_read = hold
    engine = Engine(forward, slots=1, memory=10**7, queue=5)
    first = engine.submit(writing([1], 200))
    held.wait(20)
    closer = threading.Thread(target=engine.close)
    closer.start()
    wait_until(lambda: engine._closed)
    beside = engine.submit(writing([1, 2]))
    go.set()
    for ticket in (first, beside):
        with pytest.raises(ModelError, match="closed"):
            read(ticket)
    closer.join()
    assert read(engine.submit(writing([1, 2]))) == greedy([1, 2], 8)[0]
    engine.close()


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_process_answers_by_itself_and_its_parent_goes_on() -> None:
    forward = FusedForward(tiny("Qwen3"), longest=LONGEST)
    engine = Engine(forward, slots=2, memory=2000, queue=5)
    expected = read(engine.submit(writing([1, 2, 3], 20)))
    running = engine.submit(writing([1, 2, 3], 600))
    stream = running.tokens()
    next(stream)
    child = os.fork()
    if child == 0:  # nothing of pytest may run here
        right = False
        try:
            right = read(engine.submit(writing([1, 2, 3], 20))) == expected
        finally:
            os._exit(0 if right else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert read(engine.submit(writing([1, 2, 3], 20))) == expected
    assert len(list(stream)) > 500
    engine.close()


def test_a_small_model_beside_a_large_one_has_as_much_time_and_neither_waits_for_long() -> None:
    small, large = Breathing(), Slow()
    engines = [Engine(forward, slots=2, memory=10**7, queue=9) for forward in (small, large)]
    assert engines[0].turn is engines[1].turn
    tickets = [engine.submit(writing([3, 4], ENDLESS)) for engine in engines]
    wait_until(lambda: large.passes >= 20)
    passes = small.passes, large.passes
    for ticket in tickets:
        ticket.cancel()
    for engine in engines:
        engine.close()
    wait_until(lambda: not threads())
    assert passes[0] > 3 * passes[1], "it writes no faster than the large one"
    assert passes[1] >= 20
