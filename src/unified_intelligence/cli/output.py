"""The only printer: stdout is the answer, stderr is talk. How an answer is laid out is left to `answers`.

Standard library only, and imported before everything else: `--version` and Ctrl-C must not wait for anybody.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False  # importing typing takes as long as starting Python
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TextIO

    from unified_intelligence.config.environment import Environment

_DIM, _RED, _YELLOW, _PLAIN = "\x1b[2m", "\x1b[31m", "\x1b[33m", "\x1b[0m"


class OutputClosedError(Exception):
    """Whoever read stdout has gone away: `uic ... | head`."""

    exit_code = 141


class Output:
    """Where everything the program says goes through."""

    def __init__(self, environment: Environment) -> None:
        _use_utf8()
        self.environment = environment
        self.stdout_is_terminal = _is_terminal(sys.stdout)
        self.stderr_is_terminal = _is_terminal(sys.stderr)
        self.stdout_colours = environment.colours(self.stdout_is_terminal)
        self._stderr_colours = environment.colours(self.stderr_is_terminal)
        self._midline = False
        self._answer_midline = False
        self._is_one_stream = _same_file(sys.stdout, sys.stderr)
        self.machine = ""

    def answer(self, text: str) -> None:
        """A piece of data on stdout, at once."""
        if text:
            self._answer_midline = not text.endswith("\n")
            write_stdout(text)

    def line(self, text: str) -> None:
        """A whole line of data on stdout."""
        self._answer_midline = False
        write_stdout(f"{text}\n")

    def json(self, value: object, *, indented: bool = False) -> None:
        """A value as JSON: in one line, or for people too."""
        import json

        self.line(json.dumps(value, ensure_ascii=False, indent=2 if indented else None))

    def aside(self, text: str) -> None:
        """A piece of talk on stderr: reasoning as it comes."""
        if text:
            self._leave_answer()
            self._midline = not text.endswith("\n")
            self._talk(text, _DIM)

    def note(self, text: str) -> None:
        """A line of talk: what was called, what is going on."""
        self.end_aside()
        self._leave_answer()
        self._talk(f"{text}\n", _DIM)

    def warn(self, text: str) -> None:
        """A line about something the user should know although it goes on."""
        self.end_aside()
        self._leave_answer()
        self._talk(f"Warning: {text}\n", _YELLOW)

    def _leave_answer(self) -> None:
        """Where both streams are one, talk does not go on in a line of the answer; stdout itself stays as it is."""
        if self._is_one_stream and self._answer_midline:
            self._answer_midline = False
            self._talk("\n", "")

    def end_aside(self) -> None:
        """Talk that stopped in the middle of a line gets its end."""
        if self._midline:
            self._midline = False
            self._talk("\n", "")

    def fail(self, message: str, hint: str = "", details: Mapping[str, object] | None = None) -> None:
        """What went wrong: a sentence on stderr, and an object on stdout for those who asked for JSON."""
        self.end_aside()
        self._leave_answer()
        self._talk("Error: ", _RED)
        self._talk(f"{message}\n", "")
        if hint:
            self._talk(f"       {hint}\n", "")
        if self.machine and details is not None:
            error = {**details, "message": message, "hint": hint}
            self.json({"type": "error", "error": error} if self.machine == "jsonl" else {"error": error})

    def _talk(self, text: str, colour: str) -> None:
        if self.stderr_is_terminal:
            from unified_intelligence.cli.terminal import harmless

            text = harmless(text)
        if colour and self._stderr_colours:
            text = f"{colour}{text}{_PLAIN}"
        write_stderr(text)


def write_stdout(text: str) -> None:
    """Raises OutputClosedError if nobody reads, or never did: `uic ... >&-`."""
    if sys.stdout is None:  # pyright: ignore[reportUnnecessaryComparison] Python's own word for a closed descriptor
        raise OutputClosedError
    _write(sys.stdout, text)


def write_stderr(text: str) -> None:
    """Talk that nobody can hear is not a failure."""
    try:
        _write(sys.stderr, text)
    except (OSError, OutputClosedError):
        return


def forget_stdout() -> None:
    """After a failed write: what is still in the buffer goes nowhere, instead of failing again at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _write(stream: TextIO | None, text: str) -> None:
    if stream is None:
        return
    try:
        stream.write(text)
        stream.flush()
    except BrokenPipeError as error:
        raise OutputClosedError from error


def _same_file(one: TextIO | None, other: TextIO | None) -> bool:
    """Whether both go to one place, as with `2>&1`."""
    try:
        return one is not None and other is not None and os.path.sameopenfile(one.fileno(), other.fileno())
    except (OSError, ValueError):
        return False


def _is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and stream.isatty()


def _use_utf8() -> None:
    """Answers have accents in every locale; a lone surrogate of a model's is replaced, not raised."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(encoding="utf-8", errors="replace")
