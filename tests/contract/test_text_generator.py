"""What every provider of the table keeps to. A row without a case here fails, and so does a case without a row."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, aclosing
from dataclasses import dataclass, fields, replace
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest

from tests.gradio_app import gradio_app
from tests.openai_server import serving
from tests.tiny_qwen3 import build_speaker
from unified_intelligence.entities.errors import InvalidRequestError, StreamInterruptedError, UnknownNameError
from unified_intelligence.entities.generation import Finished, Generation, GenerationConfig, TextDelta, collect
from unified_intelligence.entities.message import Message, MessageLike
from unified_intelligence.factories.provider_factory import PROVIDERS, Configured, ProviderFactory
from unified_intelligence.interfaces.background_loop import THREAD_NAME
from unified_intelligence.interfaces.text_generator import InProcessTextGenerator, ITextGenerator

if TYPE_CHECKING:
    from pathlib import Path

HARD_TEXT = "Ça va ?\n\n Prix :  12,50 € — très bien 🙂👩‍🚀  \n fin"
SPOKEN = f"<think>\nHmm… réfléchissons 🤔\n</think>\n\n{HARD_TEXT}"


class Opened(ExitStack):
    """What a provider's tests keep open until their end, and the Space that those of several share."""

    def __init__(self, space: Callable[[], str]) -> None:
        super().__init__()
        self.space = space


@dataclass(frozen=True)
class Case:
    """`answer` is the whole text expected, `part` what it contains where the rest is the provider's own business."""

    options: Callable[[Path, Opened], dict[str, object]]
    question: str
    part: str
    answer: str | None = None
    other_question: str = "How many metres are 3 km?"
    other_part: str = ""
    tokens_fewer: int = 2
    factory: Callable[[ExitStack], ProviderFactory] = lambda _: ProviderFactory()


def _nothing(_: Path, __: Opened) -> dict[str, object]:
    return {}


def _spoken(folder: Path, _: Opened) -> dict[str, object]:
    return {"model": str(build_speaker(folder / "spoken", SPOKEN)), "threads": 1}


def _served(_: Path, open_until_end: Opened) -> dict[str, object]:
    return {"base_url": open_until_end.enter_context(serving()).url}


def _dead_and_living(open_until_end: ExitStack) -> ProviderFactory:
    """Two rows: nobody listens at the address of the first, and nobody else can while it is held."""
    held = open_until_end.enter_context(socket.socket())
    held.bind(("127.0.0.1", 0))
    urls = {
        "dead": f"http://127.0.0.1:{held.getsockname()[1]}/v1",
        "living": open_until_end.enter_context(serving()).url,
    }
    return ProviderFactory(
        dict.fromkeys(urls, "openai_compatible"), lambda name: Configured({"base_url": urls[name], "model": "echo-1"})
    )


def _on_gradio(folder: Path, open_until_end: Opened) -> dict[str, object]:
    return {"space": open_until_end.space(), "cache": str(folder / "cache")}


def _routes(_: Path, __: Opened) -> dict[str, object]:
    return {"routes": ["dead", "living"]}


_ECHOED = Case(_served, HARD_TEXT, "très bien 🙂", HARD_TEXT, "un deux  trois\u2028🎉", "un deux  trois\u2028🎉")

CASES = {
    "echo": Case(_nothing, HARD_TEXT, "très bien 🙂", HARD_TEXT, "un deux  trois 🎉", "un deux  trois 🎉"),
    "embedded": Case(_nothing, "What is 15% of 240?", "36", other_part="3,000 m"),
    "local": Case(_spoken, "Comment ça va ?", "très bien 🙂", HARD_TEXT, other_part="très bien 🙂"),
    "openai_compatible": _ECHOED,
    "open_finance_space": _ECHOED,
    "qwen3_zerogpu": replace(_ECHOED, options=_on_gradio),
    "qwen3_zerogpu_eval": replace(_ECHOED, options=_on_gradio),
    "fallback": replace(_ECHOED, options=_routes, factory=_dead_and_living),
}


def test_every_provider_of_the_table_has_a_case() -> None:
    assert set(CASES) == set(PROVIDERS)


@pytest.fixture(scope="module", params=[pytest.param(name, id=name) for name in PROVIDERS])
def provider(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def case(provider: str) -> Case:
    return CASES[provider]


@pytest.fixture(scope="module")
def space() -> Iterator[Callable[[], str]]:
    """The address of one app with the endpoints of our Spaces; it starts when it is asked for first."""
    with ExitStack() as open_until_end:
        yield cache(lambda: open_until_end.enter_context(gradio_app()).url)


@pytest.fixture(scope="module")
def generator(
    provider: str, case: Case, space: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ITextGenerator]:
    with Opened(space) as open_until_end:
        options = case.options(tmp_path_factory.mktemp(provider), open_until_end)
        generator = case.factory(open_until_end).create(provider, **options)
        yield generator
        generator.close()


@pytest.fixture
def in_process(generator: ITextGenerator) -> bool:
    return isinstance(generator, InProcessTextGenerator)


GREEDY = GenerationConfig(temperature=0.0)


def timeless(generation: Generation) -> tuple[object, ...]:
    """Without what depends on when it was asked: times, and what was read before."""
    usage = replace(generation.usage, cached_tokens=None) if generation.usage else None
    return generation.text, generation.reasoning, generation.tool_calls, generation.finish_reason, usage


async def astreamed(generator: ITextGenerator, question: str) -> Generation:
    return collect([event async for event in generator.astream(question, GREEDY)])


def test_it_can_be_made_ready_beforehand_again_and_again(generator: ITextGenerator, case: Case) -> None:
    before = _workers()

    async def loaded_twice() -> str:
        await asyncio.gather(generator.aload(), generator.aload())
        return (await generator.agenerate(case.question, GREEDY)).text

    assert case.part in asyncio.run(loaded_twice())
    assert _ended(before)


def test_what_it_honours_can_be_asked_for(generator: ITextGenerator) -> None:
    assert generator.honoured <= {own.name for own in fields(GenerationConfig)}
    assert "max_tokens" in generator.honoured


def test_the_four_methods_give_the_same_answer(generator: ITextGenerator, case: Case) -> None:
    answer = generator.generate(case.question, GREEDY)
    assert case.part in answer.text
    assert str(answer) == answer.text
    assert answer.text == (answer.text if case.answer is None else case.answer)
    assert timeless(collect(generator.stream(case.question, GREEDY))) == timeless(answer)
    assert timeless(asyncio.run(generator.agenerate(case.question, GREEDY))) == timeless(answer)
    assert timeless(asyncio.run(astreamed(generator, case.question))) == timeless(answer)


def test_a_stream_ends_with_the_only_finished_and_has_no_empty_piece(generator: ITextGenerator, case: Case) -> None:
    events = list(generator.stream(case.question, GREEDY))
    assert [type(event) for event in events].count(Finished) == 1
    assert isinstance(events[-1], Finished)
    assert events[-1].finish_reason == "stop"
    assert len(events) > 1
    assert TextDelta("") not in events


def test_usage_and_timings_are_those_of_this_answer(generator: ITextGenerator, case: Case) -> None:
    before = time.perf_counter()
    answer = generator.generate(case.question, GREEDY)
    wall = time.perf_counter() - before
    if answer.usage is not None:
        assert answer.usage.prompt_tokens > 0
        assert answer.usage.completion_tokens > 0
        assert 0 <= (answer.usage.reasoning_tokens or 0) <= answer.usage.completion_tokens
    assert answer.timings is not None
    assert 0 <= answer.timings.first_event <= answer.timings.total <= wall


@pytest.mark.parametrize("shape", ["text", "dict", "Message", "parts"])
def test_a_conversation_may_have_any_of_its_shapes(generator: ITextGenerator, case: Case, shape: str) -> None:
    half = len(case.question) // 2
    parts = [{"type": "text", "text": case.question[:half]}, {"type": "text", "text": case.question[half:]}]
    shapes: dict[str, str | list[MessageLike]] = {
        "text": case.question,
        "dict": [{"role": "user", "content": case.question}],
        "Message": [Message("user", case.question)],
        "parts": [{"role": "user", "content": parts}],
    }
    assert timeless(generator.generate(shapes[shape], GREEDY)) == timeless(generator.generate(case.question, GREEDY))


def test_the_last_question_of_a_longer_conversation_is_answered(generator: ITextGenerator, case: Case) -> None:
    history: list[MessageLike] = [
        {"role": "system", "content": "Réponds brièvement."},
        {"role": "user", "content": "Bonjour 👋"},
        {"role": "assistant", "content": "Bonjour !"},
        {"role": "user", "content": case.question},
    ]
    assert case.part in generator.generate(history, GREEDY).text


REFUSED: dict[str, Any] = {
    "nothing": [],
    "an empty question": "",
    "a blank question": [{"role": "user", "content": " \n\t"}],
    "no parts": [{"role": "user", "content": []}],
    "the assistant's turn last": [Message("user", "a"), Message("assistant", "b")],
    "a role nobody has": [{"role": "robot", "content": "a"}],
    "an image": [{"role": "user", "content": [{"type": "image_url", "image_url": "x"}]}],
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_answered_is_refused(generator: ITextGenerator, what: str) -> None:
    with pytest.raises(InvalidRequestError):
        generator.generate(REFUSED[what])
    with pytest.raises(InvalidRequestError):
        list(generator.stream(REFUSED[what]))
    with pytest.raises(InvalidRequestError):
        asyncio.run(generator.agenerate(REFUSED[what]))


def test_max_tokens_cuts_the_answer_and_says_so(generator: ITextGenerator, case: Case) -> None:
    whole = generator.generate(case.question, GREEDY)
    if whole.usage is None or whole.usage.completion_tokens < 3:
        pytest.skip("its answers are of one or two tokens, or are not counted")
    limit = whole.usage.completion_tokens - case.tokens_fewer
    short = generator.generate(case.question, GenerationConfig(temperature=0.0, max_tokens=limit))
    assert short.finish_reason == "length"
    assert short.usage is not None
    assert short.usage.completion_tokens == limit
    assert whole.text.startswith(short.text)
    assert len(short.text) < len(whole.text)
    exact = GenerationConfig(temperature=0.0, max_tokens=whole.usage.completion_tokens + 1)
    assert generator.generate(case.question, exact).finish_reason == "stop"


def test_an_unknown_option_is_refused_with_the_nearest(provider: str) -> None:
    options = [option.name for option in ProviderFactory().options(provider)]
    for name in options:
        with pytest.raises(UnknownNameError) as refused:
            ProviderFactory().create(provider, **{f"{name}x": 1})
        assert name in refused.value.nearest
        assert refused.value.provider == provider
    with pytest.raises(UnknownNameError, match="qqqq"):
        ProviderFactory().create(provider, qqqq=1)


SHARED = ("TMonitor", "tqdm", THREAD_NAME)


def _workers() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if not thread.name.startswith(SHARED)}


def _ended(before: set[threading.Thread]) -> bool:
    deadline = time.monotonic() + 5
    while (_workers() - before) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not _workers() - before


def test_a_stream_closed_half_way_leaves_no_thread(generator: ITextGenerator, case: Case) -> None:
    before = _workers()
    events = generator.stream(case.question, GREEDY)
    next(events)
    events.close()  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    assert list(events) == []

    async def half_way() -> None:
        async with aclosing(generator.astream(case.question, GREEDY)) as stream:  # pyright: ignore[reportArgumentType, reportUnknownVariableType]
            async for _ in stream:  # pyright: ignore[reportUnknownVariableType]
                break

    asyncio.run(half_way())
    assert _ended(before)


def test_a_cancelled_task_leaves_no_thread_and_the_provider_still_answers(
    generator: ITextGenerator, case: Case
) -> None:
    before = _workers()

    async def cancelled() -> None:
        task = asyncio.create_task(generator.agenerate(case.question, GREEDY))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())
    assert _ended(before)
    assert case.part in generator.generate(case.question, GREEDY).text


def test_two_streams_at_once_do_not_mix(generator: ITextGenerator, case: Case) -> None:
    async def both() -> list[Generation]:
        questions = (case.question, case.other_question) * 3
        return await asyncio.gather(*(astreamed(generator, question) for question in questions))

    answers = asyncio.run(both())
    alone = [generator.generate(question, GREEDY) for question in (case.question, case.other_question)]
    assert case.other_part in alone[1].text
    assert list(map(timeless, answers)) == list(map(timeless, alone * 3))


def test_inside_an_event_loop_generate_works_or_names_agenerate(
    generator: ITextGenerator, case: Case, *, in_process: bool
) -> None:
    async def inside() -> str:
        return generator.generate(case.question, GREEDY).text

    if in_process:
        assert case.part in asyncio.run(inside())
    else:
        with pytest.raises(InvalidRequestError) as refused:
            asyncio.run(inside())
        assert "agenerate" in refused.value.hint


def test_an_interrupted_stream_is_no_answer(generator: ITextGenerator, case: Case) -> None:
    events = [event for event in generator.stream(case.question, GREEDY) if not isinstance(event, Finished)]
    with pytest.raises(StreamInterruptedError) as interrupted:
        collect(events)
    assert case.part in interrupted.value.partial
