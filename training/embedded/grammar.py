"""The notation in which the phrasings are written: one line, many sentences.

    (What|How much) is {principal} worth after {years} at {rate}( with {compounding=monthly:monthly compounding}|)?

`(a|b|)` chooses one branch; `{arg}` is an argument whose words another module draws; `{arg~form}` asks for a special
form of it; `{arg=value:surface}` sets an argument and says it in the words of the surface, which may choose too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random


class GrammarError(ValueError):
    """A pattern line that does not parse: the message names the line and the place."""


@dataclass(frozen=True, slots=True)
class Slot:
    """An argument in a sentence. `value` is set where the pattern itself fixes it (an enum said in words)."""

    name: str
    form: str = ""
    value: str | None = None
    surface: Sequence | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    branches: tuple[Sequence, ...]


@dataclass(frozen=True, slots=True)
class Sequence:
    parts: tuple[str | Slot | Choice, ...]


Piece = str | Slot


def parse(line: str) -> Sequence:
    """Reads one pattern line. Raises GrammarError."""
    sequence, end = _sequence(line, 0, stops="")
    if end != len(line):
        raise GrammarError(f"unexpected {line[end]!r} at {end} in: {line}")
    return sequence


def expand(sequence: Sequence, random: Random) -> Iterator[Piece]:
    """One sentence of the pattern, as text pieces and slots in order; a worded slot is followed by its words."""
    for part in sequence.parts:
        if isinstance(part, Choice):
            yield from expand(random.choice(part.branches), random)
        elif isinstance(part, Slot):
            yield part
            if part.surface is not None:
                yield from expand(part.surface, random)
        else:
            yield part


def read_patterns(path: Path) -> tuple[Sequence, ...]:
    """The patterns of a file: a line each; blank lines, `#` comments and a leading `?` are dropped."""
    lines = (line.strip() for line in path.read_text(encoding="utf-8").splitlines())
    kept = (line.removeprefix("?").strip() for line in lines if line and not line.startswith("#"))
    return tuple(parse(line) for line in kept)


def _sequence(line: str, start: int, stops: str) -> tuple[Sequence, int]:
    parts: list[str | Slot | Choice] = []
    text = ""
    position = start
    while position < len(line) and line[position] not in stops:
        character = line[position]
        if character in "({":
            if text:
                parts.append(text)
                text = ""
            part, position = (_choice if character == "(" else _slot)(line, position + 1)
            parts.append(part)
        elif character in ")}":
            raise GrammarError(f"unbalanced {character!r} at {position} in: {line}")
        else:
            text += character
            position += 1
    if text:
        parts.append(text)
    return Sequence(tuple(parts)), position


def _choice(line: str, start: int) -> tuple[Choice, int]:
    branches: list[Sequence] = []
    position = start
    while True:
        branch, position = _sequence(line, position, stops="|)")
        branches.append(branch)
        if position >= len(line):
            raise GrammarError(f"'(' without ')' in: {line}")
        position += 1
        if line[position - 1] == ")":
            return Choice(tuple(branches)), position


def _slot(line: str, start: int) -> tuple[Slot, int]:
    end = start
    while end < len(line) and line[end] not in ":}":
        end += 1
    if end >= len(line):
        raise GrammarError(f"'{{' without '}}' in: {line}")
    head, _, value = line[start:end].partition("=")
    name, _, form = head.partition("~")
    if line[end] == "}":
        return Slot(name.strip(), form.strip(), value or None), end + 1
    if not value:  # {w:countries}: a word list, not a worded argument
        closing = line.find("}", end)
        if closing < 0:
            raise GrammarError(f"'{{' without '}}' in: {line}")
        return Slot(name.strip(), line[end + 1 : closing].strip()), closing + 1
    surface, position = _sequence(line, end + 1, stops="}")
    if position >= len(line):
        raise GrammarError(f"'{{' without '}}' in: {line}")
    return Slot(name.strip(), form.strip(), value, surface), position + 1
