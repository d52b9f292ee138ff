"""Figures out of result files, as a document tells them: chosen by patterns over their names, never typed.

A result file may name what is worth telling itself: a list under "worth telling", of patterns such as `load: *: p99`
over the names of its figures. For the others `docs/deployment_summary.json` says so; of a file in neither, its
`figures` are told, or else its first two levels.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple, cast

from unified_intelligence.entities.errors import ConfigurationError
from unified_intelligence.figures.markdown import table

FOLDER = "benchmarks/results"
CHOICES = "docs/deployment_summary.json"
OWN_WORD = "worth telling"


class Told(NamedTuple):
    """A section: its title, and which figures it tells."""

    title: str
    patterns: tuple[str, ...] = ()


def sections(root: Path) -> Iterator[str]:
    """One for each result file. Raises ConfigurationError for a file of which no figure is told."""
    choices = _choices(root)
    found = {path.relative_to(root).as_posix() for path in (root / FOLDER).glob("*.json")}
    for name in [*(name for name in choices if (root / name).is_file()), *sorted(found - choices.keys())]:
        yield _section(_read(root / name), name, choices.get(name) or Told(_title(name)))


def about_space(root: Path, space: str) -> list[str]:
    """The result files that were measured on this Space: those that say so under `space`."""
    paths = sorted((root / FOLDER).glob("*.json"))
    return [path.relative_to(root).as_posix() for path in paths if _read(path).get("space") == space]


def _choices(root: Path) -> Mapping[str, Told]:
    path = root / CHOICES
    listed = cast("dict[str, dict[str, object]]", _read(path).get("results", {})) if path.is_file() else {}
    return {name: Told(str(each["title"]), tuple(cast("list[str]", each["figures"]))) for name, each in listed.items()}


def _read(path: Path) -> dict[str, object]:
    try:
        return cast("dict[str, object]", json.loads(path.read_text("utf-8")))
    except ValueError as error:
        raise ConfigurationError(f"{path} is no JSON: {error}.") from None


def _title(name: str) -> str:
    return Path(name).stem.replace("_", " ").capitalize()


def _section(result: dict[str, object], name: str, told: Told) -> str:
    figures = {key: value for key, value in _chosen(result, told.patterns).items() if key != "date"}
    if not figures:
        raise ConfigurationError(
            f"{name}: none of its figures is told.", hint=f"Name some under {OWN_WORD!r} in it, or in {CHOICES}."
        )
    command = f" with `{result['command']}`" if "command" in result else ""
    head = f"From `{name}`, measured on {result.get('date', 'a day it does not say')}{command}."
    return f"## {told.title}\n\n{head}\n\n{table(('figure', 'value'), figures.items())}\n"


def _chosen(result: dict[str, object], patterns: Sequence[str]) -> dict[str, str]:
    own = cast("list[str]", result.get(OWN_WORD, []))
    figures = dict(_figures({key: value for key, value in result.items() if key != OWN_WORD}))
    patterns = own or patterns or (["figures: *"] if "figures" in result else [])
    if not patterns:
        return {key: value for key, value in figures.items() if key.count(": ") < 2 and key != "command"}
    chosen = {key: value for key, value in figures.items() if any(fnmatchcase(key, each) for each in patterns)}
    return {key.removeprefix("figures: "): value for key, value in chosen.items()}


def _figures(value: object, prefix: str = "") -> Iterator[tuple[str, str]]:
    """The single values of a result file under their full names; lists, which hold raw measurements, are left out."""
    if isinstance(value, dict) and {"right", "of", "low", "high"} <= value.keys():
        share = cast("dict[str, float]", value)
        low, high = (100 * share[bound] for bound in ("low", "high"))
        yield prefix, f"{share['right']} of {share['of']} ({low:.1f} to {high:.1f} %)"
    elif isinstance(value, dict) and {"median", "least", "most"} == value.keys():
        spread = cast("dict[str, float]", value)
        yield prefix, "{median:.4g} ({least:.4g} to {most:.4g})".format_map(spread)
    elif isinstance(value, dict):
        for key, inner in cast("dict[str, object]", value).items():
            yield from _figures(inner, f"{prefix}: {key}" if prefix else key)
    elif isinstance(value, bool | int | str):
        yield prefix, str(value)
    elif isinstance(value, float):
        yield prefix, f"{value:.4g}"
