"""The question: what was typed, after what was piped in."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Sequence

from unified_intelligence.cli.output import Output
from unified_intelligence.entities.errors import InvalidRequestError


def read_question(prompt: Sequence[str], query: str | None, output: Output) -> str:
    """Piped text, a blank line, the question; either may be missing. Raises InvalidRequestError if both are."""
    if prompt and query is not None:
        raise InvalidRequestError(
            "The question was given twice: after the flags and with --query.", hint="Leave one of them out."
        )
    typed = (" ".join(prompt) if query is None else query).encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    piped = _piped(output)
    question = "\n\n".join(text for text in (piped, typed.strip()) if text.strip())
    if not question:
        raise InvalidRequestError("Nothing was asked.", hint='Ask: uic --query "..."   or see: uic --help')
    return question


def is_piped() -> bool:
    """Whether stdin is a pipe or a file; a terminal, a device or a closed one is not read."""
    try:
        kind = os.fstat(0).st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(kind) or stat.S_ISREG(kind) or stat.S_ISSOCK(kind)


def _piped(output: Output) -> str:
    """What stands on stdin, without the newlines at its end; nothing if it is a terminal, closed or a device."""
    if not is_piped():
        return ""
    data = sys.stdin.buffer.read()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        output.warn(f"What was piped in is not UTF-8 text (byte {error.start + 1}); what could not be read is now �.")
        text = data.decode("utf-8-sig", "replace")
    return text.rstrip("\r\n")
