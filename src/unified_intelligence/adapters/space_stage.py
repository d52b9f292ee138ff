"""Following a Space until it answers: its stage as the Hub tells it, and what each stage means for a caller."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec

from unified_intelligence.adapters.http import Http, HttpRequest
from unified_intelligence.adapters.timers import Watch
from unified_intelligence.adapters.wire.failures import refusal, visible
from unified_intelligence.entities.errors import (
    ConfigurationError,
    ProtocolError,
    SpaceBrokenError,
    SpacePausedError,
    SpaceStartingError,
    UnifiedIntelligenceError,
)
from unified_intelligence.entities.generation import Notice

_SERVES = frozenset({"RUNNING", "RUNNING_BUILDING", "RUNNING_APP_STARTING"})
_ASLEEP = frozenset({"SLEEPING", "STOPPED"})
_BROKEN = frozenset({"BUILD_ERROR", "RUNTIME_ERROR", "CONFIG_ERROR", "NO_APP_FILE", "DELETING"})
_ASKING = 10.0  # seconds for one question to the Hub


class _Runtime(msgspec.Struct):
    stage: str
    errorMessage: Any = None  # noqa: N815 - the Hub's name


@dataclass(frozen=True, slots=True)
class FollowedSpace:
    """`first` and `longest` are seconds between two looks; `token` is for the Hub and is not shown."""

    id: str
    url: str
    hub: str = "https://huggingface.co"
    token: str = field(default="", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    first: float = 2.0
    longest: float = 15.0

    @property
    def page(self) -> str:
        return f"{self.hub}/spaces/{self.id}"

    async def until_running(self, http: Http, wait: float, deadline: float) -> AsyncGenerator[Notice]:
        """Waits, with a Notice for each look, until the Space serves; one that sleeps is woken.

        Raises SpacePausedError, SpaceBrokenError, SpaceStartingError after `wait` seconds, and what the Hub refuses.
        """
        loop = asyncio.get_running_loop()
        began, pause = loop.time(), self.first
        while (stage := await self._stage(http, deadline)) not in _SERVES:
            waited = loop.time() - began
            pause = min(pause, max(0.0, wait - waited), max(0.0, deadline - loop.time()))
            if not pause:
                hint = f"Wait longer: --wait {wait * 2:g}, or look at {self.page}"
                said = f"The Space {self.id} is still {stage} after {waited:.0f} s."
                late = SpaceStartingError(said, hint=hint, url=self.url)
                late.retryable = False  # it was waited for as long as was asked
                raise late
            yield Notice(f"The Space {self.id} is {stage}; waited {waited:.0f} s of {wait:.0f} s.")
            if stage in _ASLEEP:
                await self._wake(http, deadline)
            await asyncio.sleep(pause)
            pause = min(self.longest, pause * 1.5)

    async def _stage(self, http: Http, deadline: float) -> str:
        url = f"{self.hub}/api/spaces/{self.id}/runtime"
        headers = {"authorization": f"Bearer {self.token}"} if self.token else {}
        async with http.opened(HttpRequest("GET", url, headers), self._watch(http, url, deadline)) as answer:
            body = await answer.body(1_000_000)
            if answer.status >= 400:
                raise refusal(
                    answer.status,
                    answer.headers,
                    body,
                    url=url,
                    now=datetime.now(UTC),
                    secrets=[self.token] * bool(self.token),
                )
        try:
            runtime = msgspec.json.decode(body, type=_Runtime)
        except msgspec.MsgspecError as error:
            raise ProtocolError(f"{url} does not tell the Space's stage.", url=url) from error
        if runtime.stage == "PAUSED":
            said = f"The Space {self.id} was paused by its owner."
            raise SpacePausedError(said, hint=f"Its owner can restart it: {self.page}", url=self.url)
        if runtime.stage in _BROKEN:
            told = visible(str(runtime.errorMessage)) if runtime.errorMessage else ""
            raise SpaceBrokenError(
                f"The Space {self.id} is broken: {runtime.stage}{f' ({told})' if told else ''}.",
                stage=runtime.stage,
                hint=f"Read its log: {self.page}?logs=container",
                url=self.url,
            )
        return runtime.stage

    async def _wake(self, http: Http, deadline: float) -> None:
        """Any request wakes it; what it answers does not matter."""
        try:
            async with http.opened(HttpRequest("GET", self.url, self.headers), self._watch(http, self.url, deadline)):
                pass
        except UnifiedIntelligenceError:
            pass

    @staticmethod
    def _watch(http: Http, url: str, deadline: float) -> Watch:
        watch = Watch(http.timers, deadline, url)
        watch.begin("first token", _ASKING)
        return watch


def address_of(space: str) -> str:
    """The base URL of a Docker Space's API. Raises ConfigurationError for what is no Space's id."""
    owner, _, name = space.partition("/")
    allowed = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")
    if not owner or not name or not set(owner + name) <= allowed:
        raise ConfigurationError(f"{space!r} is no Space: an id is OWNER/NAME.")
    host = f"{owner}-{name}".lower().replace("_", "-").replace(".", "-")
    return f"https://{host}.hf.space/v1"
