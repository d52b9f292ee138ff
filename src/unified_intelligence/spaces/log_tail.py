"""What a Space says while it is built and run: told line by line, the last lines kept for the report.

A deployment reads the logs again and again instead of following them: a stream that waits for the next line can be
ended by nobody but the host.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Self, get_args

from unified_intelligence.entities.errors import ProviderError, UnifiedIntelligenceError
from unified_intelligence.entities.space import LogKind
from unified_intelligence.interfaces.daemon_thread import in_daemon_thread
from unified_intelligence.interfaces.space_host import ISpaceHost

KEPT = 200
_LONGEST_LINE = 2000
_LONGEST_COMPLETE = 10.0
_AGAIN, _LONGEST_AGAIN = 0.5, 5.0  # seconds until a log is asked for again

Hear = Callable[[str], None]


def unheard(line: str) -> None:
    """Listens to nothing."""


class LogTail:
    """Both logs of a Space, each read by a thread of its own, which ends a few seconds after the block.

    What was said before is told again by the host, and left out here. `redact` takes secrets out of each line.
    """

    def __init__(self, host: ISpaceHost, space: str, hear: Hear, redact: Callable[[str], str] = str) -> None:
        self._host, self._space, self._hear, self._redact = host, space, hear, redact
        self._lines: dict[LogKind, deque[str]] = {kind: deque(maxlen=KEPT) for kind in get_args(LogKind)}
        self._over = threading.Event()

    def __enter__(self) -> Self:
        for kind in self._lines:
            threading.Thread(target=self._follow, args=(kind,), name=f"{kind} log", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()

    @property
    def tails(self) -> Mapping[str, tuple[str, ...]]:
        """The last lines by log."""
        return {kind: tuple(lines) for kind, lines in self._lines.items()}

    async def complete(self) -> None:
        """Asks once more for a log that nothing was heard of: what failed at once was faster than its follower."""
        import asyncio

        for kind, lines in self._lines.items():
            if lines:
                continue
            with suppress(UnifiedIntelligenceError, TimeoutError):
                told = await asyncio.wait_for(
                    in_daemon_thread(lambda kind=kind: list(self._host.logs(self._space, kind))), _LONGEST_COMPLETE
                )
                for line in told:
                    self._note(kind, line)

    def last(self) -> tuple[str, ...]:
        """The last lines of the log that said something last: the run's, else the build's."""
        tails = self.tails
        return (tails["run"] or tails["build"])[-20:]

    def _follow(self, kind: LogKind) -> None:
        told: list[str] = []
        while not self._over.is_set():
            with suppress(UnifiedIntelligenceError):  # a log that cannot be read is no reason to stop a deployment
                told = self._read(kind, told)
            self._over.wait(_AGAIN)

    def _read(self, kind: LogKind, told: list[str]) -> list[str]:
        """Tells what comes behind the lines that were told, as it comes. All lines of this reading."""
        lines: list[str] = []
        stream = self._host.logs(self._space, kind)
        for line in stream:
            if not lines and told and line != told[0]:  # another log, or this one without its beginning
                lines = [line, *stream]
                last = len(lines) - lines[::-1].index(told[-1]) if told[-1] in lines else 0
                for new in lines[last:]:
                    self._note(kind, new)
                return lines
            lines.append(line)
            if len(lines) > len(told) and not self._over.is_set():
                self._note(kind, line)
        return lines or told

    def _note(self, kind: LogKind, line: str) -> None:
        text = self._redact(line)[:_LONGEST_LINE]
        self._lines[kind].append(text)
        self._hear(f"{kind}: {text}")


def followed(host: ISpaceHost, space: str, kind: LogKind, over: threading.Event) -> Iterator[str]:
    """Each line of a log once, as it comes, until `over` is set. A log that cannot be read now is asked for again."""
    first, heard, wait = "", 0, _AGAIN
    while not over.is_set():
        said = 0
        try:
            for line in host.logs(space, kind, follow=True):
                said += 1
                if said == 1 and line != first:
                    first, heard = line, 0  # another build, or another start: nothing of it was told yet
                if over.is_set():
                    return
                if said > heard:
                    wait = _AGAIN
                    yield line
        except ProviderError as error:
            if not error.retryable:
                return
        heard = max(heard, said)
        over.wait(wait)
        wait = min(_LONGEST_AGAIN, wait * 2)


def redactor(secrets: Mapping[str, str] | tuple[str, ...]) -> Callable[[str], str]:
    """What replaces every one of these values with ***. A value of less than four characters hides nothing."""
    values = secrets.values() if isinstance(secrets, Mapping) else secrets
    hidden = sorted({value for value in values if len(value) >= 4}, key=len, reverse=True)

    def redact(text: str) -> str:
        for value in hidden:
            text = text.replace(value, "***")
        return text

    return redact
