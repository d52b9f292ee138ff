"""What providers behind a server have in common: connections, timers, tries again, and a Space that is waited for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from unified_intelligence.adapters.http import Http
from unified_intelligence.adapters.retry import RetryBudget, RetryPolicy, retried
from unified_intelligence.adapters.space_call import Call, once_awake
from unified_intelligence.entities.errors import ConfigurationError
from unified_intelligence.interfaces.composition import KeyedTextGenerator

if TYPE_CHECKING:
    from unified_intelligence.adapters.space_stage import SpaceStage
    from unified_intelligence.adapters.timers import Timers
    from unified_intelligence.entities.generation import Notice

T = TypeVar("T")


class RemoteTextGenerator(KeyedTextGenerator):
    """`_space` is set by those whose server runs in a Space: it is waited for, `wait` seconds at most."""

    _space: SpaceStage | None = None

    def __init__(self, timers: Timers, retries: int, wait: float) -> None:
        if retries < 0 or wait < 0:
            raise ConfigurationError("The options retries and wait are 0 or more.")
        self._timers, self._retries, self._wait = timers, retries, wait
        self._http, self._budget = Http(), RetryBudget()

    def close(self) -> None:
        self._http.close()

    def _tried(
        self, attempt: Callable[[], AsyncGenerator[Sequence[T], None]], call: Call
    ) -> AsyncGenerator[Sequence[T | Notice], None]:
        """What an attempt gives, made again while nothing came of it and another one may help."""
        return retried(lambda: once_awake(attempt, self._space, self._wait, call), self._policy(call))

    def _policy(self, call: Call) -> RetryPolicy:
        return RetryPolicy(call.deadline, self._retries, self._budget, clock=asyncio.get_running_loop().time)
