"""What the Hub says a Space is doing, and the wait until it runs."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress
from urllib.parse import urlsplit

import msgspec

from unified_intelligence.adapters.addresses import HUB
from unified_intelligence.adapters.http import Http, Request, is_loopback
from unified_intelligence.adapters.timers import Timers, watching
from unified_intelligence.adapters.wire.failures import LOOK_THERE, UNREADABLE, visible
from unified_intelligence.entities.errors import (
    AuthenticationError,
    ConfigurationError,
    ConnectionFailedError,
    NotFoundOrPrivateError,
    ProtocolError,
    ProviderError,
    SpaceBrokenError,
    SpacePausedError,
    SpaceStartingError,
)
from unified_intelligence.entities.generation import Notice
from unified_intelligence.entities.space import BROKEN_STAGES, SERVING_STAGES, STOPPED_STAGES, host_of

_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)
_FIRST_POLL, _LONGEST_POLL = 2.0, 15.0
_UNREACHED = 4  # looks in a row without a connection to the Hub: a network does not come sooner for waiting


class _Hardware(msgspec.Struct):
    current: str | None = None
    requested: str | None = None


class _Runtime(msgspec.Struct):
    stage: str | None = None
    hardware: _Hardware | None = None
    message: str | None = msgspec.field(default=None, name="errorMessage")


def check_space(space: str) -> str:
    """The name, if it is OWNER/NAME. Raises ConfigurationError."""
    if not _NAME.fullmatch(space) or ".." in space:
        raise ConfigurationError(f"A Space is named OWNER/NAME, not {space!r}.", hint="Example: -o space acme/my-llm")
    return space


def space_url(space: str) -> str:
    """The address where the Space's own server answers."""
    return f"https://{host_of(space)}"


def space_headers(url: str, token: str | None) -> dict[str, str]:
    """The header that lets its reader into a private Space: for hosts of Spaces and this machine, for nobody else."""
    parts = urlsplit(url)
    ours = is_loopback(url) or (parts.scheme == "https" and (parts.hostname or "").endswith(".hf.space"))
    return {"X-HF-Authorization": f"Bearer {token}"} if token and ours else {}


class SpaceStage:
    """Follows one Space. `url` is its own address, `token` a token of the Hub that may read it."""

    def __init__(  # noqa: PLR0913 - what is polled, by whom, and a clock for tests
        self, http: Http, space: str, *, url: str, hub: str = HUB, token: str | None = None,
        timers: Timers | None = None, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._http, self._space, self._url, self._hub = http, check_space(space), url, hub.rstrip("/")
        self._token, self._timers, self._sleep, self._clock = token, timers or Timers(), sleep, clock
        self._unsaid: ProviderError | None = None  # why the Hub did not say at the last look
        self._unreached = 0  # looks in a row, over all tries of a call: another try is no reason to wait again

    async def until_running(
        self, wait: float, waited: float = 0.0, *, asked: bool = False
    ) -> AsyncGenerator[Notice, None]:
        """Nothing if it runs; else a Notice before each look at it, until it does.

        `waited` of the `wait` seconds have gone by already. `asked`: the Space has just been sent a request, which
        wakes it if it sleeps; else it is sent one. Raises SpaceStartingError when they have all, and at once
        SpacePausedError, SpaceBrokenError, NotFoundOrPrivateError, AuthenticationError. ConnectionFailedError when the
        Hub could not be reached four times in a row.
        """
        started, pause = self._clock() - waited, _FIRST_POLL
        while (stage := await self._stage()) not in SERVING_STAGES:
            self._unreached = self._unreached + 1 if isinstance(self._unsaid, ConnectionFailedError) else 0
            if self._unsaid and self._unreached >= _UNREACHED:
                self._unsaid.hint = f"Is there a network? Without the Hub, give the Space's own address: {self._url}"
                raise self._unsaid
            waited = self._clock() - started
            if waited >= wait:
                raise self._still(stage, waited)
            if stage == "SLEEPING" and not asked:
                asked = True
                await self._wake()
            yield Notice(f"{self._told(stage)}; waited {waited:.0f} s of {wait:.0f} s")
            await self._sleep(min(pause, max(0.0, wait - waited)))
            pause = min(_LONGEST_POLL, pause * 1.5)
        self._unreached = 0

    def _told(self, stage: str) -> str:
        if self._unsaid is None:
            return f"The Space {self._space} is {stage}"
        return f"The Hub does not say what the Space {self._space} does: {self._unsaid.message.rstrip('.')}"

    async def about(self) -> dict[str, str]:
        """Its stage and its hardware in the Hub's words. Raises NotFoundOrPrivateError, AuthenticationError."""
        runtime = await self._runtime()
        hardware = runtime.hardware or _Hardware()
        known = hardware.current or hardware.requested
        return {
            "stage": visible(runtime.stage or "not known", 40),
            **({"hardware": visible(known, 40)} if known else {}),
        }

    async def quota(self) -> dict[str, str]:
        """What the Hub tells of the token's seconds on ZeroGPU; nothing where it does not."""
        if not self._token:
            return {}
        url = f"{self._hub}/api/spaces/zero-gpu/quota"
        headers = {"Authorization": f"Bearer {self._token}"}
        with suppress(ProviderError, msgspec.MsgspecError, ValueError):
            body = await self._fetch(Request("GET", url, headers, b"", (self._token,)))
            told = msgspec.json.decode(body, type=dict[str, object])
            named = [f"{name} {told[name]}" for name in ("current", "base", "resetsAt") if told.get(name) is not None]
            return {"quota": visible(", ".join(named), secrets=(self._token,))} if named else {}
        return {}

    async def _stage(self) -> str:
        """Its stage in the Hub's words, or "not known" while the Hub cannot say."""
        runtime = await self._runtime()
        stage = visible(runtime.stage or "not known", 40)
        self._judge(stage, visible(runtime.message or "", secrets=(self._token,) if self._token else ()))
        return stage

    async def _runtime(self) -> _Runtime:
        url = f"{self._hub}/api/spaces/{self._space}/runtime"
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        secrets = (self._token,) if self._token else ()
        self._unsaid = None
        try:
            body = await self._fetch(Request("GET", url, headers, b"", secrets))
            return msgspec.json.decode(body, type=_Runtime)
        except (NotFoundOrPrivateError, AuthenticationError) as error:
            error.hint = "Check the Space's name; a private one needs a token: HF_TOKEN in the environment."
            raise
        except ProviderError as error:
            if not error.retryable:
                raise
            self._unsaid = error
            return _Runtime()
        except UNREADABLE as error:
            raise ProtocolError(f"{url} did not answer with a Space's state.", hint=LOOK_THERE, url=url) from error

    def _judge(self, stage: str, message: str) -> None:
        page = f"{self._hub}/spaces/{self._space}"
        said = f"The Space {self._space} is in the state {stage}" + (f": {message}" if message else ".")
        if stage in STOPPED_STAGES:
            raise SpacePausedError(said, hint=f"Its owner can restart it: {page}/settings", url=page)
        if stage in BROKEN_STAGES:
            raise SpaceBrokenError(said, stage=stage, hint=f"Look into its logs: {page}?logs=container", url=page)

    def _still(self, stage: str, waited: float) -> SpaceStartingError:
        return SpaceStartingError(
            f"The Space {self._space} is still {stage} after {waited:.0f} s.",
            hint=f"Wait longer: -o wait {max(60, waited * 2):.0f}, or look at {self._hub}/spaces/{self._space}",
            url=self._url,
            waited=max(waited, 0.001),
        )

    async def _wake(self) -> None:
        """A request to its own address starts a Space that sleeps; what it answers meanwhile does not matter."""
        headers = space_headers(self._url, self._token)
        with suppress(ProviderError):
            await self._fetch(Request("GET", self._url, headers, b"", (self._token,) if self._token else ()))

    async def _fetch(self, request: Request) -> bytes:
        with watching(self._timers, request.url, first="idle") as watch:
            return await self._http.fetch(request, watch)
