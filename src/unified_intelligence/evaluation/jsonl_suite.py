"""A JSON Lines file as a suite: one row a line, as `rows` reads them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import cast

from unified_intelligence.entities.errors import ConfigurationError
from unified_intelligence.evaluation.rows import Row, RowsSuite
from unified_intelligence.evaluation.suite import Choice, Suite


def build(choice: Choice) -> Suite:
    """Raises ConfigurationError for a file that is not there, and for a line that is no row."""
    if choice.data is None:
        raise ConfigurationError(f"{choice.name} needs a file.", hint="uic eval run FILE.jsonl --provider NAME")
    return RowsSuite(choice, _rows(choice.data), origin=choice.data.name)


def _rows(path: Path) -> Iterator[Row]:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be read: {error.strerror or error}.", hint="Check the path, or see: uic eval list"
        ) from error
    for number, line in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            row: object = json.loads(line)
        except ValueError as error:
            raise ConfigurationError(f"{path}, line {number} is no JSON: {error}", hint="One object a line.") from error
        if not isinstance(row, dict):
            raise ConfigurationError(f"{path}, line {number} is no object.", hint="One object a line.")
        yield cast("Row", row)
