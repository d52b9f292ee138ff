"""Keeps a model's text from driving the terminal it is shown on. What goes into a pipe is left as it is."""

from __future__ import annotations

import re

_LONGEST = 512
_CSI = r"(?:\x1b\[|\x9b)[0-?]*[ -/]*"
_STRING = r"(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c\n]*"
_SEQUENCE = re.compile(rf"{_CSI}[@-~]|{_STRING}(?:\x07|\x1b\\|\x9c)|\x1b[ -/]*[0-Z\\^-~]")
_UNFINISHED = re.compile(rf"(?:{_CSI}|{_STRING}\x1b?|\x1b[ -/]*)\Z")
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def harmless(text: str) -> str:
    """A whole text without escape sequences, control characters but newline and tab, and bidi overrides."""
    return _CONTROL.sub("", _SEQUENCE.sub("", text))


class Harmless:
    """The same for a text in pieces: a sequence that is cut between two pieces is recognized."""

    def __init__(self) -> None:
        self._held = ""

    def feed(self, piece: str) -> str:
        """What may be shown of the text so far and has not been returned yet."""
        text = _SEQUENCE.sub("", self._held + piece)
        cut = _UNFINISHED.search(text)
        start = cut.start() if cut and len(text) - cut.start() <= _LONGEST else len(text)
        self._held = text[start:]
        return _CONTROL.sub("", text[:start])

    def close(self) -> str:
        """The rest: a sequence that never ended is shown without its control characters."""
        rest, self._held = harmless(self._held), ""
        return rest
