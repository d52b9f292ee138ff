"""What came of an answer, and the errors of one that broke off or calls what nobody can read."""

from __future__ import annotations

import msgspec

from unified_intelligence.adapters.wire.failures import UNREADABLE
from unified_intelligence.entities.errors import MalformedToolCallError, StreamInterruptedError


class AnswerSoFar:
    """`_text` is filled by the readers that derive from it."""

    def __init__(self) -> None:
        self._text: list[str] = []

    @property
    def partial(self) -> str:
        """The visible text so far."""
        return "".join(self._text)

    def interrupted(self, message: str) -> StreamInterruptedError:
        """The error of an answer that broke off, with what came of it."""
        return StreamInterruptedError(message, partial=self.partial, hint="Ask again for the whole answer.")


def check_call(written: str) -> None:
    """Raises MalformedToolCallError for arguments that are no JSON object; none at all are an empty one."""
    try:
        if written.strip():
            msgspec.json.decode(written, type=dict[str, object])
    except UNREADABLE as error:
        raise MalformedToolCallError(written) from error
