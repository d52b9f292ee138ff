"""A case of the leaderboard, and the reading of its files: JSON Lines, whatever they are named."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from unified_intelligence.entities.errors import ConfigurationError, InvalidRequestError
from unified_intelligence.entities.message import Message, read_messages

CATEGORIES = ("simple_python", "multiple", "parallel", "parallel_multiple", "irrelevance")


@dataclass(frozen=True, slots=True)
class Case:
    """`functions` are documents with the leaderboard's names of types; `truth` is empty where no call is right."""

    id: str
    category: str
    messages: tuple[Message, ...]
    functions: tuple[Mapping[str, Any], ...]
    truth: tuple[Mapping[str, Any], ...] = ()


def read_cases(category: str, questions: bytes, answers: bytes | None, source: str) -> list[Case]:
    """The cases of a category in their order, without a truth where no answers are given.

    Raises ConfigurationError for rows that are no cases.
    """
    try:
        truths = None if answers is None else {row["id"]: tuple(row["ground_truth"]) for row in _rows(answers)}
        cases = [_case(category, row, truths) for row in _rows(questions)]
    except (ValueError, KeyError, TypeError, AttributeError, InvalidRequestError) as error:
        raise ConfigurationError(
            f"{source} holds rows that are no cases of {category}: {error!r}",
            hint="Give the leaderboard's own files, unchanged.",
        ) from error
    if not cases:
        raise ConfigurationError(f"{source} holds no cases of {category}.", hint="Give the leaderboard's own files.")
    return cases


def _rows(content: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in content.split(b"\n") if line.strip()]


def _case(category: str, row: Mapping[str, Any], truths: Mapping[str, tuple[Mapping[str, Any], ...]] | None) -> Case:
    (turn,) = row["question"]
    truth = () if truths is None else truths[row["id"]]
    return Case(row["id"], category, read_messages(turn), tuple(row["function"]), truth)
