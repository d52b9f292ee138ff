"""Several servers on loopback behind one provider: who is asked, who is left alone, and what is told."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, aclosing

import pytest

from tests.openai_server import Answer, Asked, Reply, Server, delta, echo, says, serving, sse
from unified_intelligence.adapters.llm.fallback_adapter import FallbackAdapter
from unified_intelligence.entities.errors import (
    AuthenticationError,
    ConfigurationError,
    InvalidRequestError,
    NotFoundOrPrivateError,
    RateLimitedError,
    RoutesFailedError,
    StreamInterruptedError,
    UnifiedIntelligenceError,
    UnknownNameError,
)
from unified_intelligence.entities.generation import Finished, GenerationConfig, JsonFormat, Notice, TextDelta
from unified_intelligence.factories.provider_factory import Configured, ProviderFactory
from unified_intelligence.interfaces.text_embedder import ITextEmbedder
from unified_intelligence.interfaces.text_generator import ITextGenerator
from unified_intelligence.interfaces.tokenizer import ITokenizer

QUESTION = "Ça va ?\n\n  très bien 🎈\u2028fin"


class World:
    """Servers by the names of their rows. What they answer can be changed while they run."""

    def __init__(self, open_until_end: ExitStack) -> None:
        self._open, self.servers = open_until_end, dict[str, Server]()

    def server(self, name: str, answer: Answer = echo) -> Server:
        self.servers[name] = self._open.enter_context(serving(answer))
        return self.servers[name]

    def fallback(self, rows: Mapping[str, Mapping[str, object]] | None = None, **options: object) -> ITextGenerator:
        def of_row(name: str) -> Configured:
            url = self.servers[name].url
            return Configured({"base_url": url, "model": "m", **(rows or {}).get(name, {})})

        factory = ProviderFactory(dict.fromkeys(self.servers, "openai_compatible"), of_row)
        made = factory.create("fallback", **{"routes": list(self.servers), "retries": 0, **options})
        self._open.callback(made.close)
        return made

    def asked(self) -> list[int]:
        return [len(server.asked) for server in self.servers.values()]


@pytest.fixture
def world() -> Iterator[World]:
    with ExitStack() as open_until_end:
        yield World(open_until_end)


def refuses(status: int, **headers: str) -> Callable[[Asked], Reply]:
    body = json.dumps({"error": {"message": "Désolé, pas maintenant 🎈"}}).encode()
    return lambda _: Reply(status, [body], "application/json", headers)


def page(_: Asked) -> Reply:
    return Reply(chunks=[b"<html><title>Hello</title>not an API</html>"], content_type="text/html")


def slow(_: Asked) -> Reply:
    return Reply(chunks=[5.0])


def empty(_: Asked) -> Reply:
    return Reply(chunks=[sse(delta(role="assistant", content="")), None])


CANNOT_NOW: dict[str, Answer] = {
    "busy": refuses(503),
    "failed": refuses(500),
    "rate limited": refuses(429, **{"Retry-After": "7"}),
    "out of quota": refuses(402),
    "no API": page,
    "broken off before a word": empty,
    "late": slow,
}


@pytest.mark.parametrize("how", CANNOT_NOW)
def test_who_cannot_answer_now_is_gone_around_and_left_alone(world: World, how: str) -> None:
    world.server("first", CANNOT_NOW[how])
    world.server("second")
    fallback = world.fallback({"first": {"first_token_timeout": 1.0 if how == "late" else 30.0}}, rest=60.0)
    events = list(fallback.stream(QUESTION))
    assert isinstance(events[0], Notice)
    assert events[0].text.startswith("first cannot answer now: ")
    assert events[0].text.endswith("; asking second")
    assert "".join(event.text for event in events if isinstance(event, TextDelta)) == QUESTION
    assert isinstance(events[-1], Finished)
    again = list(fallback.stream(QUESTION))
    assert isinstance(again[0], Notice)
    assert again[0].text.startswith("first rests for ")
    assert world.asked() == [1, 2]


MISTAKES: dict[str, tuple[Answer, type[UnifiedIntelligenceError]]] = {
    "a wrong key": (refuses(401), AuthenticationError),
    "a key that may not": (refuses(403), AuthenticationError),
    "an unknown model": (refuses(404), NotFoundOrPrivateError),
    "a request nobody accepts": (refuses(400), InvalidRequestError),
}


@pytest.mark.parametrize("how", MISTAKES)
def test_a_mistake_is_told_and_nobody_else_is_asked(world: World, how: str) -> None:
    answer, kind = MISTAKES[how]
    world.server("first", answer)
    world.server("second")
    fallback = world.fallback()
    for times in (1, 2):
        with pytest.raises(kind, match="Désolé, pas maintenant 🎈"):
            fallback.generate(QUESTION)
        assert world.asked() == [times, 0]


def test_an_answer_that_began_is_not_begun_again(world: World) -> None:
    begun = [sse(delta(role="assistant", content="Ça va ")), None]
    world.server("first", lambda _: Reply(chunks=begun))
    world.server("second")
    fallback = world.fallback(rest=60.0)
    with pytest.raises(StreamInterruptedError) as interrupted:
        fallback.generate(QUESTION)
    assert interrupted.value.partial == "Ça va "
    assert world.asked() == [1, 0]
    assert fallback.generate(QUESTION).text == QUESTION
    assert world.asked() == [1, 1]


def test_nothing_is_waited_for_on_one_route_unless_its_row_says_so(world: World) -> None:
    world.server("first", refuses(503))
    world.server("second", refuses(503))
    world.server("third")
    assert world.fallback({"second": {"retries": 1}}).generate(QUESTION).text == QUESTION
    assert world.asked() == [1, 2, 1]


def test_after_its_rest_one_request_looks_whether_it_is_over(world: World) -> None:
    let_go = threading.Event()

    def held(_: Asked) -> Reply:
        let_go.wait(10)
        return Reply(chunks=says("Bonjour 🎈"))

    first = world.server("first", refuses(503))
    world.server("second")
    fallback = world.fallback(rest=0.2)
    fallback.generate(QUESTION)
    time.sleep(0.3)
    first.answer = held
    told: list[str] = []
    looking = threading.Thread(target=lambda: told.append(fallback.generate(QUESTION).text))
    looking.start()
    while len(first.asked) < 2:
        time.sleep(0.01)
    assert [fallback.generate(QUESTION).text for _ in range(3)] == [QUESTION] * 3
    assert world.asked() == [2, 4]
    let_go.set()
    looking.join()
    assert told == ["Bonjour 🎈"]
    assert fallback.generate(QUESTION).text == "Bonjour 🎈"
    assert world.asked() == [3, 4]


def test_who_only_seems_to_rest_is_asked_when_nobody_else_is_left(world: World) -> None:
    first = world.server("first", refuses(503))
    second = world.server("second")
    fallback = world.fallback(rest=60.0)
    fallback.generate(QUESTION)
    first.answer, second.answer = echo, refuses(503)
    assert fallback.generate(QUESTION).text == QUESTION
    assert world.asked() == [2, 2]


def test_who_asked_for_a_rest_gets_it(world: World) -> None:
    world.server("first", refuses(429, **{"Retry-After": "50"}))
    world.server("second", refuses(503, **{"Retry-After": "30"}))
    fallback = world.fallback()
    with pytest.raises(RoutesFailedError) as failed:
        fallback.generate(QUESTION)
    assert [name for name, _ in failed.value.errors] == ["first", "second"]
    assert isinstance(failed.value.errors[0][1], RateLimitedError)
    assert failed.value.retry_after is not None
    assert 20 < failed.value.retry_after <= 30
    assert "first: " in failed.value.message and "second: " in failed.value.message
    with pytest.raises(RoutesFailedError, match="left alone"):
        fallback.generate(QUESTION)
    assert world.asked() == [1, 1]


def test_when_all_fail_another_round_is_made_after_the_soonest(world: World) -> None:
    first = world.server("first", refuses(503))
    world.server("second", refuses(429, **{"Retry-After": "100"}))

    def later(asked: Asked) -> Reply:
        return echo(asked) if len(first.asked) > 1 else refuses(503, **{"Retry-After": "1"})(asked)

    first.answer = later
    begun = time.monotonic()
    assert world.fallback(retries=2).generate(QUESTION).text == QUESTION
    assert time.monotonic() - begun >= 1
    assert world.asked() == [2, 1]


def test_no_other_round_where_none_could_help(world: World) -> None:
    world.server("first", refuses(402))
    with pytest.raises(RoutesFailedError):
        world.fallback(retries=3).generate(QUESTION)
    assert world.asked() == [1]


def test_cancelling_closes_the_route_that_answers(world: World) -> None:
    gone = threading.Event()

    def endless() -> Iterator[bytes]:
        try:
            while True:
                yield sse(delta(content="encore 🎈 " * 1000))
        finally:
            gone.set()

    world.server("first", refuses(503))
    world.server("second", lambda _: Reply(chunks=endless()))
    fallback = world.fallback()

    async def cancelled() -> None:
        async def read() -> None:
            async with aclosing(fallback.astream(QUESTION)) as events:  # pyright: ignore[reportArgumentType, reportUnknownVariableType]
                async for _ in events:  # pyright: ignore[reportUnknownVariableType]
                    pass

        task = asyncio.create_task(read())
        await asyncio.sleep(0.5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())
    assert gone.wait(5)


def test_it_honours_what_all_of_them_do_and_neither_counts_nor_embeds() -> None:
    rows = {"server": "openai_compatible"}
    factory = ProviderFactory(
        rows, lambda _: Configured({"base_url": "http://127.0.0.1:1/v1"} if _ == "server" else {})
    )
    made = factory.create("fallback", routes="server, echo,embedded")
    echo_only, embedded = factory.create("echo").honoured, factory.create("embedded").honoured
    assert made.honoured == echo_only & embedded
    assert "tools" not in made.honoured
    assert made.entrusted == {"response_format", "tools"}
    assert made.enforces(JsonFormat())
    assert not isinstance(made, ITokenizer | ITextEmbedder)


def test_a_request_that_no_route_may_see_is_refused_first(world: World) -> None:
    world.server("first")
    with pytest.raises(InvalidRequestError):
        world.fallback().generate("", GenerationConfig())
    assert world.asked() == [0]


@pytest.mark.parametrize(
    ("routes", "kind", "said"),
    [
        (
            {"a": ["b"], "b": ["c"], "c": ["a"]},
            ConfigurationError,
            r"The routes of a lead in a circle: a -> b -> c -> a\.",
        ),
        ({"a": ["a"]}, ConfigurationError, "a -> a"),
        ({"a": ["nobody"]}, UnknownNameError, "nobody"),
        ({"a": []}, ConfigurationError, "at least one"),
        ({"a": ["echo", "echo"]}, ConfigurationError, "twice"),
        ({"a": [1]}, ConfigurationError, "list of texts"),
    ],
)
def test_routes_that_lead_nowhere(
    routes: dict[str, list[object]], kind: type[UnifiedIntelligenceError], said: str
) -> None:
    factory = ProviderFactory(dict.fromkeys(routes, "fallback"), lambda name: Configured({"routes": routes[name]}))
    with pytest.raises(kind, match=said):
        factory.create("a", routes=routes["a"])


def test_fallbacks_within_fallbacks(world: World) -> None:
    world.server("first", refuses(503))

    def of_row(name: str) -> Configured:
        rows: dict[str, Mapping[str, object]] = {
            "inner": {"routes": "first,other"},
            "other": {"routes": "echo"},
            "first": {"base_url": world.servers["first"].url, "model": "m"},
        }
        return Configured(rows.get(name, {}))

    kinds = {"inner": "fallback", "other": "fallback", "first": "openai_compatible"}
    made = ProviderFactory(kinds, of_row).create("fallback", routes=["inner", "echo"])
    assert isinstance(made, FallbackAdapter)
    assert made.generate(QUESTION).text == QUESTION
    assert world.asked() == [1]
    made.close()
