"""What it means that a connection breaks: nothing after a whole answer, an interruption in the middle of one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from unified_intelligence.entities.errors import ConnectionFailedError, StreamInterruptedError, TimedOutError

if TYPE_CHECKING:
    from unified_intelligence.adapters.http import Reply


class Reader(Protocol):
    """What reads an answer: whether something came of it, and whether that is all of it."""

    @property
    def begun(self) -> bool: ...
    @property
    def complete(self) -> bool: ...
    def interrupted(self, message: str) -> StreamInterruptedError: ...


async def more(reply: Reply, reader: Reader) -> bytes:
    """The next bytes; none too when the connection breaks or stalls after the answer is complete."""
    try:
        return await reply.read()
    except (ConnectionFailedError, TimedOutError) as error:
        if reader.complete:
            return b""
        if reader.begun and isinstance(error, ConnectionFailedError):
            raise reader.interrupted(f"The answer broke off. {error.message}") from error
        raise
