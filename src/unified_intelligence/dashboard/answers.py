"""The same prompt asked of two runs, and what each said."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from unified_intelligence.benchmark.prompts import prompts_of
from unified_intelligence.benchmark.row import Row
from unified_intelligence.dashboard.results import Result, object_of
from unified_intelligence.entities.errors import UnifiedIntelligenceError


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A prompt, by its place among those asked, and the first answer of each run; `asked` may be unknown, ""."""

    prompt: int
    asked: str
    first: Row
    second: Row

    @property
    def same(self) -> bool:
        """Whether both said the same; accents may be composed or not, blanks at the ends do not count."""
        return not (self.first.error or self.second.error) and _plain(self.first) == _plain(self.second)


def differs(first: Result, second: Result) -> str:
    """Why answers of the two cannot be laid side by side; "" where they can."""
    one, other = (_source(own) for own in (first, second))
    if not (one[0] and other[0]):
        return "One of the runs does not say what it asked: its manifest is missing. Run it again."
    if one == other:
        return ""
    return f"They were asked different things: {_words(one)} and {_words(other)}. Choose two runs of the same prompts."


def pairs(first: Sequence[Row], second: Sequence[Row], asked: Mapping[int, str]) -> list[Pair]:
    """Pairs of the prompts that both were asked, in their order. An answer stands before a failure."""
    one, other = _by_prompt(first), _by_prompt(second)
    return [
        Pair(prompt=prompt, asked=asked.get(prompt, ""), first=one[prompt], second=other[prompt])
        for prompt in sorted(one.keys() & other.keys())
    ]


def texts(result: Result) -> Mapping[int, str]:
    """What was asked, made again from the prompts' name: for runs that did not keep it. Empty where that is gone."""
    told = object_of(result.depends_on, "prompts")
    return _texts(str(told.get("source", "")), result.metrics.load.seed, int(told.get("count", 0)))


@lru_cache(maxsize=8)
def _texts(source: str, seed: int, count: int) -> Mapping[int, str]:
    try:
        found = prompts_of(source, seed)
    except (UnifiedIntelligenceError, OSError):
        return {}
    if len(found) != count:  # the file is another one today
        return {}
    return {number: _said(own.messages) for number, own in enumerate(found)}


def _said(messages: Sequence[Mapping[str, Any]]) -> str:
    if len(messages) == 1:
        return str(messages[0].get("content", ""))
    return "\n\n".join(f"{own.get('role', '')}: {own.get('content', '')}" for own in messages)


def _source(result: Result) -> tuple[str, int, int]:
    told = object_of(result.depends_on, "prompts")
    source = str(told.get("source", ""))
    return source, int(told.get("count", 0)), result.metrics.load.seed if source.startswith("synthetic") else 0


def _words(source: tuple[str, int, int]) -> str:
    name, count, seed = source
    return f"{count} of {name}" + (f", seed {seed}" if seed else "")


def _by_prompt(rows: Sequence[Row]) -> dict[int, Row]:
    found: dict[int, Row] = {}
    for row in rows:
        known = found.get(row.prompt)
        if known is None or (known.error and not row.error):
            found[row.prompt] = row
    return found


def _plain(row: Row) -> str:
    return unicodedata.normalize("NFC", row.text or row.tools).strip()
