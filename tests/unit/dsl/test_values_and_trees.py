"""Values that come back from a record as they were, and flows as people see them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Any, Literal, NamedTuple

import pytest
from pydantic import BaseModel

from unified_intelligence.dsl.binding import Failure, bind
from unified_intelligence.dsl.record import TaskRecord, new_record
from unified_intelligence.dsl.task import task
from unified_intelligence.dsl.tree import tree
from unified_intelligence.dsl.values import digest, from_json, to_json
from unified_intelligence.entities.errors import ConfigurationError


class Colour(Enum):
    BLUE = "bleu ciel"


class Point(NamedTuple):
    x: int
    y: float = 0.5


class Letter(BaseModel):
    text: str
    to: tuple[str, ...] = ()


@dataclass(frozen=True)
class Parcel:
    name: str
    letter: Letter
    points: tuple[Point, ...] = ()
    where: Path | None = None
    colour: Colour = Colour.BLUE
    more: dict[str, int] = field(default_factory=dict[str, int])


PARCEL = Parcel(
    "à l'été\u2028🎉\n",
    Letter(text="ça va", to=("Zoé",)),
    (Point(1), Point(2, 3.0)),
    Path("dossier é/x"),
    more={"é": 1},
)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (PARCEL, Parcel),
        ([PARCEL], list[Parcel]),
        ({"é\u2028": Point(1)}, dict[str, Point]),
        (None, Parcel | None),
        (datetime(2026, 1, 2, tzinfo=UTC), datetime),
        (b"\x00\xff", bytes),
        (("a", "b"), tuple[str, ...]),
        (Failure("a", "b", "c"), Failure),
        ("stop", Literal["stop", "length"]),
    ],
)
def test_a_value_comes_back_as_it_was(value: object, kind: Any) -> None:
    assert from_json(to_json(value, "it"), kind, "it") == value


def test_equal_values_have_one_digest_and_others_another() -> None:
    assert digest(to_json({"b": 1, "a": 2}, "it")) == digest(to_json({"a": 2, "b": 1}, "it"))
    assert digest(to_json(PARCEL, "it")) != digest(to_json(Parcel("x", PARCEL.letter), "it"))


def test_what_cannot_be_written_is_named() -> None:
    with pytest.raises(ConfigurationError, match="What it gives is a generator and cannot be kept"):
        to_json((one for one in "abc"), "What it gives")


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("5", int, 5),
        ("5", str, "5"),
        ("1.5", float, 1.5),
        ("true", bool, True),
        ("0", bool, False),
        ("a b\u2028🙂", str, "a b\u2028🙂"),
        ("null", int | None, None),
        ("", str, ""),
        ('["a", "b"]', list[str], ["a", "b"]),
        ("[1]", Point, Point(1)),
        ("dossier é", Path, Path("dossier é")),
        ("bleu ciel", Colour, Colour.BLUE),
    ],
)
def test_a_text_is_read_as_its_type(text: str, kind: Any, value: object) -> None:
    assert from_json(text, kind, "it", text=True) == value


@pytest.mark.parametrize(("text", "kind"), [("many", int), ("{", Point), ("rouge", Colour), ('["é"]', Point)])
def test_a_text_that_is_none_of_its_type_is_refused(text: str, kind: Any) -> None:
    with pytest.raises(ConfigurationError, match="it is not"):
        from_json(text, kind, "it", text=True)


@task
def first() -> Point:
    return Point(1)


@task(retries=2, timeout=1.5)
def left(point: Point) -> str:
    return str(point)


@task
def right(first: Point, times: int) -> None: ...


@task
def last(left: str) -> None: ...


@task
def mend(failure: Failure) -> None: ...


def test_a_tree_names_what_waits_for_what() -> None:
    flow = (first >> (left & right.given(times=3))).on_failure(mend) >> last
    assert tree(bind(flow, {})).splitlines() == [
        "first() -> Point",
        "├─ left(point of first) -> str  [3 tries, at most 1.5 s each]",
        "└─ right(first, times=3)",
        "   ├─ mend()  [if first or left or right fails]",
        "   └─ last(left)  [after left too]",
    ]


def test_a_tree_of_a_run_shows_how_far_it_is() -> None:
    record = new_record("flow", {})
    record.tasks = {"first": TaskRecord("done"), "left": TaskRecord("failed")}
    assert tree(bind(first >> left, {}), record).splitlines() == [
        "first() -> Point  [done]",
        "└─ left(point of first) -> str  [3 tries, at most 1.5 s each, failed]",
    ]
