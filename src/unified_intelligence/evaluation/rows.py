"""Suites of rows: plain dicts from a JSON Lines file or a Python generator, with what each expects of its answer.

A row is {"id", "question" or "messages", "expect"} and may have "system", "tools", "max_tokens", "slices", "language"
and "pair". `expectation` tells what "expect" may hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import cast

from unified_intelligence.entities.errors import ConfigurationError, InvalidRequestError, UnknownNameError
from unified_intelligence.entities.generation import GenerationConfig
from unified_intelligence.entities.message import Message, MessageLike, read_messages
from unified_intelligence.entities.nearest import meant, nearest
from unified_intelligence.entities.tools import ToolSpec
from unified_intelligence.evaluation.canonical import ids_digest, plain, samples_digest
from unified_intelligence.evaluation.expectation import check_expectation, score
from unified_intelligence.evaluation.suite import Answer, Choice, Dataset, Sample, Score, Scorer, Suite

Row = Mapping[str, object]
MAX_TOKENS = 1024
LANGUAGES = ("", "en", "fr")
SCORER = Scorer("expectation", "2")
_KEYS = frozenset({
    "id", "question", "messages", "expect", "system", "tools", "max_tokens", "slices", "language", "pair",
})  # fmt: skip


class RowsSuite(Suite):
    """Built from rows. Raises ConfigurationError with the row's place and what is wrong with it; for a route too."""

    def __init__(self, choice: Choice, rows: Iterable[Row], *, licence: str = "", origin: str = "") -> None:
        if choice.route not in {"", "chat"}:
            raise UnknownNameError("route", choice.route, ("chat",), hint="Rows are asked one way: leave --route out.")
        read = [_sample(row, f"{origin or choice.name}, row {number}") for number, row in enumerate(rows, 1)]
        chosen = [own for own in read if choice.language in {"", own.language}]
        if not chosen:
            raise ConfigurationError(
                f"{choice.name} has no question{f' in {choice.language}' if choice.language else ''}.",
                hint="Leave --language out." if choice.language else "Give it at least one row.",
            )
        _refuse_twins(choice.name, chosen)
        self.name, self.scorer, self._samples = choice.name, SCORER, tuple(chosen)
        self.dataset = Dataset(
            name=choice.name,
            version="1",
            sha256=samples_digest(chosen),
            licence=licence,
            n=len(chosen),
            ids_sha256=ids_digest(own.id for own in chosen),
            origin=origin,
        )

    @property
    def samples(self) -> Sequence[Sample]:
        return self._samples

    def score(self, sample: Sample, answer: Answer) -> Score:
        language = "fr" if sample.language == "fr" else "en"
        return score(cast("Mapping[str, object]", sample.reference), answer, language)


def _refuse_twins(name: str, samples: Sequence[Sample]) -> None:
    seen: set[str] = set()
    for own in samples:
        if own.id in seen:
            raise ConfigurationError(f"{name} has two rows with the id {own.id!r}.", hint="Give each an id of its own.")
        seen.add(own.id)
    asked: set[tuple[str, str]] = set()
    for own in samples:
        if own.pair and (own.pair, own.language) in asked:
            raise ConfigurationError(
                f"{name} has two rows of the pair {own.pair!r} in {own.language or 'no language'}.",
                hint='A pair is one row with "language": "en" and one with "fr".',
            )
        asked.add((own.pair, own.language))


def _sample(row: Row, place: str) -> Sample:
    try:
        return _read(row)
    except (InvalidRequestError, ValueError, TypeError) as error:
        raise ConfigurationError(f"{place}: {error}", hint="The form of a row: uic docs evaluation") from error


def _read(row: Row) -> Sample:
    if unknown := row.keys() - _KEYS:
        near = meant(nearest(min(unknown), _KEYS)) or f"It has {', '.join(sorted(_KEYS))}."
        raise ValueError(f"a row has no {', '.join(sorted(unknown))}. {near}")
    expect = row.get("expect")
    if not isinstance(expect, Mapping):
        raise ValueError('"expect" is missing: an object such as {"equals": "Paris"}.')
    check_expectation(cast("Mapping[str, object]", expect))
    max_tokens = row.get("max_tokens", MAX_TOKENS)
    if not isinstance(max_tokens, int) or isinstance(max_tokens, bool):
        raise ValueError(f'"max_tokens" is a whole number, not {max_tokens!r}.')
    language = _text(row, "language", "")
    if language not in LANGUAGES:
        raise ValueError(f'"language" is {" or ".join(LANGUAGES[1:])}, not {language!r}; others can be "slices".')
    slices = tuple(str(own) for own in _list(row, "slices"))
    if "all" in slices:
        raise ValueError('"slices" has "all", which is the name of the whole.')
    return Sample(
        id=_text(row, "id"),
        messages=_messages(row),
        config=GenerationConfig(max_tokens=max_tokens, tools=tuple(map(_tool, _list(row, "tools")))),
        reference=plain(cast("object", expect)),
        slices=slices,
        language=language,
        pair=_text(row, "pair", ""),
    )


def _messages(row: Row) -> tuple[Message, ...]:
    given = row.get("messages")
    if (given is None) == ("question" not in row):
        raise ValueError('it has either "question" or "messages".')
    asked = _text(row, "question") if given is None else cast("Sequence[MessageLike]", _list(row, "messages"))
    turns = read_messages(asked)
    system = _text(row, "system", "")
    return (Message("system", system), *turns) if system else turns


def _text(row: Row, name: str, otherwise: str | None = None) -> str:
    value = row.get(name, otherwise)
    if not isinstance(value, str) or (otherwise is None and not value):
        raise ValueError(f'"{name}" is a text, not {value!r}.' if name in row else f'"{name}" is missing.')
    return value


def _list(row: Row, name: str) -> list[object]:
    value = row.get(name, ())
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise ValueError(f'"{name}" is a list, not {value!r}.')
    return list(cast("Sequence[object]", value))


def _tool(value: object) -> ToolSpec:
    """A tool as OpenAI's API has it, with or without {"type": "function", "function": ...} around it."""
    outer = cast("Row", value) if isinstance(value, Mapping) else cast("Row", {})
    inner = outer.get("function", outer)
    if not isinstance(inner, Mapping) or not isinstance(cast("Mapping[str, object]", inner).get("name"), str):
        raise ValueError(f"a tool is {{name, description, parameters}}, not {value!r}.")
    function = cast("Mapping[str, object]", inner)
    parameters = cast("Mapping[str, object]", function.get("parameters") or {"type": "object", "properties": {}})
    return ToolSpec(str(function["name"]), str(function.get("description") or ""), parameters)
