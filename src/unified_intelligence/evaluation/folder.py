"""A run's folder on disk: run.json, samples.jsonl and questions.jsonl, and the lock of whoever writes.

A line of samples.jsonl is handed to the operating system before anything else is done with the answer, so that killing
the process loses none; it is forced to the disk within 0.2 s by `sync`, for the case that the machine stops.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Self, TypeVar

import msgspec

from unified_intelligence.disk.lock import lock
from unified_intelligence.disk.whole import replace
from unified_intelligence.entities.errors import ConfigurationError
from unified_intelligence.evaluation.record import SCHEMA, Attempt, Key, Question, Run

RUN, SAMPLES, QUESTIONS, LOCK = "run.json", "samples.jsonl", "questions.jsonl", "lock"
_ENCODE = msgspec.json.Encoder()
_DECODE = msgspec.json.Decoder(Attempt)
_Line = TypeVar("_Line")


def read_run(folder: Path) -> Run:
    """run.json of a folder. Raises ConfigurationError where there is none, and for another form."""
    path = folder / RUN
    try:
        run = msgspec.json.decode(path.read_bytes(), type=Run)
    except OSError as error:
        raise ConfigurationError(f"There is no run at {folder}.", hint="All runs: uic eval show") from error
    except msgspec.MsgspecError as error:
        raise ConfigurationError(f"{path} is no run of {SCHEMA}: {error}", hint="All runs: uic eval show") from error
    return run


def read_attempts(folder: Path) -> dict[Key, Attempt]:
    """How each sample and epoch stands: its last attempt, but an error never replaces an answer.

    A line that was cut off at the end is passed over. Raises ConfigurationError for one in the middle.
    """
    return latest(_lines(folder / SAMPLES, _DECODE))


def latest(attempts: Iterable[Attempt]) -> dict[Key, Attempt]:
    kept: dict[Key, Attempt] = {}
    for own in attempts:
        before = kept.get(own.key)
        if before is None or own.outcome != "error" or before.outcome == "error":
            kept[own.key] = own
    return kept


def read_questions(folder: Path) -> dict[str, Question]:
    decoder = msgspec.json.Decoder(Question)
    return {own.sample_id: own for own in _lines(folder / QUESTIONS, decoder)}


def _lines(path: Path, decoder: msgspec.json.Decoder[_Line]) -> list[_Line]:
    """A last line that was cut off is passed over. Raises ConfigurationError for any other that cannot be read."""
    data = path.read_bytes() if path.is_file() else b""
    found: list[_Line] = []
    lines = data.split(b"\n")
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            found.append(decoder.decode(line))
        except msgspec.MsgspecError as error:
            if number == len(lines):
                break
            raise ConfigurationError(
                f"{path}, line {number} cannot be read: {error}", hint="Take the line out; its sample is asked again."
            ) from error
    return found


class RunFolder:
    """A run that is being written. Closing it gives the lock back."""

    def __init__(self, folder: Path) -> None:
        """Raises ConfigurationError while another process writes there."""
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder
        self._lock = _locked(folder / LOCK)
        try:
            self.attempts = self._repaired()
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
            self._samples = os.open(folder / SAMPLES, flags, 0o644)
        except BaseException:
            os.close(self._lock)
            raise
        self._dirty = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def append(self, attempt: Attempt) -> None:
        """Writes a finished attempt. Raises OSError when the disk is full; what stood there is whole."""
        line = _ENCODE.encode(attempt) + b"\n"
        written = os.write(self._samples, line)
        if written != len(line):
            os.ftruncate(self._samples, os.fstat(self._samples).st_size - written)
            raise OSError(28, "No space left on device", str(self.path / SAMPLES))
        self._dirty = True
        self.attempts.update(latest([*filter(None, [self.attempts.get(attempt.key)]), attempt]))

    def sync(self) -> None:
        """Forces what was appended to the disk; may be called from a thread beside `append`."""
        if self._dirty:
            self._dirty = False
            os.fsync(self._samples)

    def write_run(self, run: Run) -> None:
        replace(self.path / RUN, msgspec.json.format(_ENCODE.encode(run), indent=2) + b"\n")

    def write_questions(self, questions: Iterable[Question]) -> None:
        replace(self.path / QUESTIONS, b"".join(_ENCODE.encode(own) + b"\n" for own in questions))

    def rewrite(self, attempts: Mapping[Key, Attempt]) -> None:
        """Replaces the scores of the same answers: the file is replaced at once or not at all."""
        replace(self.path / SAMPLES, b"".join(_ENCODE.encode(own) + b"\n" for own in attempts.values()))
        os.close(self._samples)
        self._samples = os.open(self.path / SAMPLES, os.O_WRONLY | os.O_APPEND)
        self.attempts = dict(attempts)

    def close(self) -> None:
        """A run that never began leaves nothing behind."""
        self.sync()
        os.close(self._samples)
        if not self.attempts and not (self.path / RUN).is_file():
            for name in (SAMPLES, QUESTIONS, LOCK):
                (self.path / name).unlink(missing_ok=True)
            with suppress(OSError):
                self.path.rmdir()
        os.close(self._lock)

    def _repaired(self) -> dict[Key, Attempt]:
        """The attempts that are there, after a last line that was cut off was taken away."""
        path = self.path / SAMPLES
        data = path.read_bytes() if path.is_file() else b""
        whole = data.rfind(b"\n") + 1
        if whole != len(data):
            if _readable(data[whole:]):
                with path.open("ab") as file:
                    file.write(b"\n")
            else:
                os.truncate(path, whole)
        return read_attempts(self.path)


def _readable(line: bytes) -> bool:
    try:
        _DECODE.decode(line)
    except msgspec.MsgspecError:
        return False
    return True


def is_written(folder: Path) -> bool:
    """Whether a process writes there now: a run that was killed still says that it runs."""
    if not (folder / LOCK).is_file():
        return False
    try:
        os.close(lock(folder / LOCK))
    except BlockingIOError:
        return True
    except OSError:  # a copy that may only be read
        return False
    return False


def _locked(path: Path) -> int:
    try:
        return lock(path)
    except BlockingIOError as error:
        raise ConfigurationError(
            f"Another process writes the run at {path.parent}.", hint="Wait for it, or give this run another --name."
        ) from error
