"""The JSON files beside a model's weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import cast

from unified_intelligence.entities.errors import ModelError


def read_object(path: Path) -> dict[str, object]:
    """Raises ModelError for what is no JSON object, or may not be read."""
    fields = _read(path)
    if not isinstance(fields, dict):
        raise ModelError(f"{path} is not a JSON object.")
    return cast("dict[str, object]", fields)


def read_list(path: Path) -> list[object]:
    """Raises ModelError for what is no JSON array, or may not be read."""
    found = _read(path)
    if not isinstance(found, list):
        raise ModelError(f"{path} is not a JSON array.")
    return cast("list[object]", found)


def _read(path: Path) -> object:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path} is not JSON ({error}).", hint="Copy or download it again.") from error
    except OSError as error:
        raise ModelError(f"{path} cannot be read ({error.strerror}).", hint="Look who may read it.") from error
