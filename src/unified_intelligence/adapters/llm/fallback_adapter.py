"""Several providers behind one: the first that can answer does, and one that cannot now is left alone for a while.

Errors say themselves whether another provider may answer instead (`elsewhere`). A wrong key, an unknown model and a
request that nobody could answer are told at once. An answer that has begun is never begun again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Annotated, cast

from unified_intelligence.adapters.rest import Rest
from unified_intelligence.adapters.retry import Batch, RetryBudget, RetryPolicy, retried
from unified_intelligence.entities.errors import (
    ConfigurationError,
    ProviderError,
    RoutesFailedError,
    ServerBusyError,
    StreamInterruptedError,
    UnifiedIntelligenceError,
)
from unified_intelligence.entities.generation import Event, Finished, GenerationConfig, Notice, ResponseFormat
from unified_intelligence.entities.message import Message, MessageLike, read_messages
from unified_intelligence.interfaces.composition import ComposedTextGenerator, IRouteBuilder
from unified_intelligence.interfaces.text_generator import ITextGenerator

_SOONEST = 0.05  # seconds before which nobody is asked again


@dataclass(frozen=True, slots=True)
class _Route:
    name: str
    generator: ITextGenerator
    rest: Rest


class _Rounds(RetryPolicy):
    """Another round helps only if one of the routes may do better than it did."""

    def wait_after(self, error: UnifiedIntelligenceError, tries: int, unreadable: int) -> float | None:
        if isinstance(error, RoutesFailedError) and not any(each.retryable for _, each in error.errors):
            return None
        return super().wait_after(error, tries, unreadable)


class FallbackAdapter(ComposedTextGenerator):
    """Asks its routes in their order and passes on what the first of them answers that can.

    A route is built to try once and to wait for nothing, unless its row says otherwise: the next route is asked
    instead, and `retries` are further rounds over all of them. It counts no tokens and makes no vectors, because two
    models do not count alike and the vectors of one mean nothing to the other.
    """

    def __init__(
        self,
        builder: IRouteBuilder,
        *,
        routes: Annotated[list[str], "who is asked, in this order: names of providers or of rows of yours"],
        retries: Annotated[int, "further rounds while none of them answered"] = 3,
        timeout: Annotated[float, "seconds after which nobody else is asked"] = 600.0,
        rest: Annotated[float, "seconds a route is left alone when it fails first, then twice as long, up to 30"] = 1.0,
    ) -> None:
        if not routes or len(set(routes)) < len(routes):
            raise ConfigurationError(
                "The option routes names at least one provider, and none of them twice.",
                hint="Example: -o routes openai_compatible,embedded",
            )
        if retries < 0 or timeout <= 0 or rest <= 0:
            raise ConfigurationError("The option retries is 0 or more, timeout and rest are more than 0.")
        self._routes: list[_Route] = []
        try:
            for name in routes:
                self._routes.append(_Route(name, builder.build(name, retries=0, wait=0.0), Rest(rest)))
        except BaseException:
            self.close()
            raise
        self._retries, self._timeout, self._budget = retries, timeout, RetryBudget()

    @property
    def honoured(self) -> frozenset[str]:  # pyright: ignore[reportIncompatibleVariableOverride] - it follows the routes
        """What all of them act on: whoever answers, nothing is ignored."""
        first, *others = (route.generator.honoured for route in self._routes)
        return first.intersection(*others)

    @property
    def entrusted(self) -> frozenset[str]:  # pyright: ignore[reportIncompatibleVariableOverride] - it follows the routes
        """What one of the routes only passes on."""
        return frozenset[str]().union(*(route.generator.entrusted for route in self._routes))

    def enforces(self, wanted: ResponseFormat) -> bool:
        return all(route.generator.enforces(wanted) for route in self._routes)

    async def astream(
        self, messages: str | Sequence[MessageLike], config: GenerationConfig | None = None
    ) -> AsyncIterator[Event]:
        turns = read_messages(messages)
        clock = asyncio.get_running_loop().time
        rounds = _Rounds(clock() + self._timeout, self._retries, self._budget, clock=clock)
        async with aclosing(retried(lambda: self._round(turns, config, rounds), rounds)) as batches:
            async for batch in batches:
                for event in batch:
                    yield event

    async def aload(self) -> None:
        """Loads all of them at once; one that cannot load now rests. Raises an error that is a mistake to be mended,
        and RoutesFailedError if none can load.
        """
        loaded = await asyncio.gather(*(route.generator.aload() for route in self._routes), return_exceptions=True)
        failed: list[tuple[_Route, UnifiedIntelligenceError]] = []
        for route, error in zip(self._routes, loaded, strict=True):
            if isinstance(error, UnifiedIntelligenceError) and error.elsewhere:
                route.rest.failed(None)
                failed.append((route, error))
            elif error is not None:
                raise error
        if len(failed) == len(self._routes):
            raise self._none_left(failed, [])

    def close(self) -> None:
        for route in self._routes:
            route.generator.close()

    async def _round(
        self, turns: Sequence[Message], config: GenerationConfig | None, policy: RetryPolicy
    ) -> AsyncGenerator[Batch, None]:
        """Asks one after the other, those that rest last; one that asked for its rest is not asked."""
        failed: list[tuple[_Route, UnifiedIntelligenceError]] = []
        left = [*self._routes]
        while (not failed or policy.clock() < policy.deadline) and (route := _taken(left)):
            if said := self._why(route, failed):
                yield [Notice(said)]
            begun = False
            try:
                async with aclosing(_answer(route, turns, config)) as events:
                    async for event in events:
                        if not begun and not isinstance(event, Notice):
                            begun = True
                            route.rest.answered()
                        yield [event]
            except UnifiedIntelligenceError as error:
                error.provider = error.provider or route.name
                if error.elsewhere:
                    route.rest.failed(error.retry_after if isinstance(error, ProviderError) else None)
                if begun or not error.elsewhere:
                    raise
                failed.append((route, error))
            else:
                return
        raise self._none_left(failed, left)

    def _why(self, route: _Route, failed: Sequence[tuple[_Route, UnifiedIntelligenceError]]) -> str:
        """Why this route is asked, where it is not the first."""
        if failed:
            (before, error) = failed[-1]
            return f"{before.name} cannot answer now: {error.message.rstrip('.')}; asking {route.name}"
        first = self._routes[0]
        return "" if route is first else f"{first.name} rests for {first.rest.left:.1f} s more; asking {route.name}"

    def _none_left(
        self, failed: Sequence[tuple[_Route, UnifiedIntelligenceError]], left: Sequence[_Route]
    ) -> RoutesFailedError:
        errors = dict[str, UnifiedIntelligenceError]((route.name, error) for route, error in failed)
        for route in left:
            wait = route.rest.left
            said = f"It asked to be left alone, for {wait:.1f} s more."
            errors[route.name] = ServerBusyError(said, provider=route.name, retry_after=wait)
        return RoutesFailedError(
            [(route.name, errors[route.name]) for route in self._routes],
            hint=next((error.hint for error in errors.values() if error.hint), "Ask again later."),
            retry_after=max(_SOONEST, min(route.rest.left for route in self._routes)),
        )


def _taken(left: list[_Route]) -> _Route | None:
    """The first that may be asked; else, of those whose rest is only a guess, the one whose ends first."""
    resting: list[_Route] = []
    found = None
    for route in left:
        state = route.rest.enter()
        if state == "ready":
            found = route
            break
        if state == "resting":
            resting.append(route)
    found = found or min(resting, key=lambda route: route.rest.left, default=None)
    if found is not None:
        left.remove(found)
    return found


async def _answer(
    route: _Route, turns: Sequence[Message], config: GenerationConfig | None
) -> AsyncGenerator[Event, None]:
    """What the route answers. Raises StreamInterruptedError if it stops before its end."""
    event: Event | None = None
    events = route.generator.astream(turns, config)
    try:
        async for event in events:
            yield event
        if not isinstance(event, Finished):
            raise StreamInterruptedError("The answer stopped before its end.", provider=route.name)
    finally:
        route.rest.leave()
        if isinstance(events, AsyncGenerator):
            await cast("AsyncGenerator[Event, None]", events).aclose()
