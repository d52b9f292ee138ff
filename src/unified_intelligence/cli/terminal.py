"""Keeps a model's text from driving the terminal it is shown on. What goes into a pipe is left as it is.

Taken out are escape sequences, control characters but newline and tab, and overrides of the writing direction.
"""

from __future__ import annotations

import re

_LONGEST = 512
_CSI = r"(?:\x1b\[|\x9b)[0-?]*[ -/]*"
_STRING = r"(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c\n]*"
_SEQUENCE = rf"{_CSI}[@-~]|{_STRING}(?:\x07|\x1b\\|\x9c)|\x1b[ -/]*[0-OQ-WYZ\\`-~]"
_UNFINISHED = rf"(?:{_CSI}|{_STRING}\x1b?|\x1b[ -/]*)\Z"
_CONTROL = r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]"
_TOKEN = re.compile(rf"{_SEQUENCE}|(?P<unfinished>{_UNFINISHED})|{_CONTROL}")
_ANY_CONTROL = re.compile(_CONTROL)


def harmless(text: str) -> str:
    """A whole text without what drives a terminal."""
    feed = Harmless()
    return feed.feed(text) + feed.close()


class Harmless:
    """The same for a text in pieces: a sequence that is cut between two pieces is recognized."""

    def __init__(self) -> None:
        self._held = ""

    def feed(self, piece: str) -> str:
        """What may be shown of the text so far and has not been returned yet."""
        text = self._held + piece
        self._held = ""
        return _TOKEN.sub(self._replaced, text)

    def close(self) -> str:
        """The rest: a sequence that never ended is shown without its control characters."""
        rest, self._held = _ANY_CONTROL.sub("", self._held), ""
        return rest

    def _replaced(self, token: re.Match[str]) -> str:
        unfinished = token["unfinished"]
        if unfinished and len(unfinished) > _LONGEST:
            return _ANY_CONTROL.sub("", unfinished)
        self._held = unfinished or ""
        return ""
