"""Rows as a table of Parquet, with one type for each column whether or not a run has a value in it.

A stamp of 0, a thing that did not happen, is null: the least of a column of stamps is then a time.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from unified_intelligence.benchmark.row import Row
from unified_intelligence.disk.whole import replacing
from unified_intelligence.entities.errors import MissingDependencyError

STAMPS = frozenset({"intended", "dispatched", "sent", "joined", "started", "first", "visible", "last", "ended"})
PROMPT = "prompt_text"


class _Body(Struct):
    messages: Any = ""


def texts_of(bodies: Sequence[str]) -> list[str]:
    """What each body asks: the text where it is one message, else all messages as JSON."""
    found: list[str] = []
    for body in bodies:
        messages = msgspec.json.decode(body, type=_Body).messages
        alone = messages[0].get("content") if len(messages) == 1 else None
        found.append(alone if isinstance(alone, str) else json.dumps(messages, ensure_ascii=False))
    return found


def flat(row: Row, prompts: Mapping[int, str]) -> dict[str, Any]:
    """A row with what is derived from it and what was asked; `prompts` are by the row's `prompt`."""
    own = {name: getattr(row, name) for name in Row.__struct_fields__}
    return {**own, **row.figures(), PROMPT: prompts.get(row.prompt)}


def write(path: Path, rows: Iterable[Mapping[str, Any]], about: Mapping[str, Any]) -> Path:
    """`rows` as `flat` gives them, with any columns of text, numbers or truth beside; `about` is the file's own note.

    Raises MissingDependencyError without pyarrow.
    """
    pa, parquet = library()
    listed = [{name: _cell(name, value) for name, value in row.items()} for row in rows]
    extra = dict.fromkeys(name for row in listed for name in row if name not in _types())
    kinds = {name: _kind_of(listed, name) for name in extra} | _types()
    schema = pa.schema(
        [(name, _arrow(pa, kind)) for name, kind in kinds.items()],
        metadata={"uic.bench": json.dumps(about, ensure_ascii=False)},
    )
    with replacing(path) as beside:
        parquet.write_table(pa.Table.from_pylist(listed, schema=schema), beside, compression="zstd")
    return path


def library() -> tuple[Any, Any]:
    """pyarrow and its Parquet. Raises MissingDependencyError."""
    try:
        import pyarrow  # pyright: ignore[reportMissingImports, reportMissingTypeStubs]
        import pyarrow.parquet  # pyright: ignore[reportMissingImports, reportMissingTypeStubs, reportUnusedImport]
    except ModuleNotFoundError as error:
        raise MissingDependencyError("A file of Parquet", "pyarrow", "parquet") from error
    arrow: Any = pyarrow
    return arrow, arrow.parquet


@cache
def _types() -> dict[str, str]:
    """Each column's kind, by its name."""
    own = {name: str(Row.__annotations__[name]).removesuffix(" | None") for name in Row.__struct_fields__}
    return {**own, **dict.fromkeys(Row(number=0).figures(), "float"), PROMPT: "str"}


def _arrow(pa: Any, kind: str) -> Any:
    kinds = {"int": pa.int64(), "float": pa.float64(), "bool": pa.bool_(), "list[float]": pa.list_(pa.float64())}
    return kinds.get(kind, pa.string())


def _kind_of(rows: Sequence[Mapping[str, Any]], name: str) -> str:
    kinds = {type(row[name]).__name__ for row in rows if row.get(name) is not None}
    if kinds == {"int", "float"}:
        return "float"
    return kinds.pop() if len(kinds) == 1 else "str"


def _cell(name: str, value: Any) -> Any:
    if name in STAMPS:
        return value or None
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else value
