"""The table of suites. To add one: a function from a `Choice` to a `Suite`, and one row here.

A package of your own adds suites with entry points of the group `unified_intelligence.suites`:

    [project.entry-points."unified_intelligence.suites"]
    "my/suite" = "my_package.my_module:build"

Its function may also be a generator of rows, as `rows` reads them.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast

from unified_intelligence.entities.errors import ConfigurationError, UnknownNameError

if TYPE_CHECKING:
    from unified_intelligence.evaluation.suite import Choice, Suite

ENTRY_POINTS = "unified_intelligence.suites"
JSONL = ".jsonl"

Build = Callable[["Choice"], "Suite | Iterable[Mapping[str, object]]"]


class Row(NamedTuple):
    """Where the function is that builds a suite, as module:name, what the suite asks, in a line, and from what."""

    target: str
    summary: str
    in_package: bool = True
    """Whether this package has all of its questions; those of others are downloaded or given."""


_ROOM = "unified_intelligence.evaluation"
_BFCL = partial(Row, f"{_ROOM}.bfcl.suite:build", in_package=False)

SUITES: Mapping[str, Row] = {
    "arithmetic": Row(
        f"{_ROOM}.arithmetic:build", "40 sums in English and French, made here: a first look at a provider"
    ),
    "bfcl/simple_python": _BFCL("400 questions, one function on offer, one call"),
    "bfcl/multiple": _BFCL("200 questions, several functions on offer, one call"),
    "bfcl/parallel": _BFCL("200 questions, one function on offer, several calls"),
    "bfcl/parallel_multiple": _BFCL("200 questions, several functions, several calls"),
    "bfcl/irrelevance": _BFCL("240 questions that no function on offer answers"),
    "bfcl/live_simple": _BFCL("258 questions of users, one function on offer, one call"),
    "bfcl/live_multiple": _BFCL("1,053 questions of users, several functions, one call"),
    "bfcl/live_parallel": _BFCL("16 questions of users, one function, several calls"),
    "bfcl/live_parallel_multiple": _BFCL("24 questions of users, several of both"),
    "bfcl/live_irrelevance": _BFCL("884 questions of users that nothing on offer answers"),
    "bfcl/live_relevance": _BFCL("16 questions of users that need a call, whichever it is"),
    "bfcl/small": Row(f"{_ROOM}.bfcl.suite:build", "40 questions of the five kinds, part of this package"),
    "finance/smoke": Row(f"{_ROOM}.finance.smoke:build", "7 questions in English and French, with numbers and terms"),
    "finance/parametric": Row(
        f"{_ROOM}.finance.parametric:build", "142 questions in English and French each, made from a seed"
    ),
    "finance/financemath": Row(
        f"{_ROOM}.finance.financemath:build", "200 questions whose answer is one number", in_package=False
    ),
    "qwen3-eval": Row(f"{_ROOM}.roles.suite:build", "31 tasks of agents in their roles, checked by a program"),
}
ALIASES: Mapping[str, str] = {
    "simple": "bfcl/simple_python",
    "multiple": "bfcl/multiple",
    "bfcl/simple": "bfcl/simple_python",
}


def names() -> tuple[str, ...]:
    """All suites that can be asked for, installed ones included."""
    return (*SUITES, *sorted(set(_installed()) - set(SUITES)))


def summary(name: str) -> str:
    """What a suite asks, in a line; for an installed one where it comes from."""
    row = SUITES.get(name)
    return row.summary if row else f"from {_installed().get(name, '')}"


def build(choice: Choice) -> Suite:
    """The suite of that name, or of a JSON Lines file where the name is one's path.

    Raises UnknownNameError, ConfigurationError for an installed one that does not load, and what the suite raises.
    """
    name = ALIASES.get(choice.name, choice.name)
    if name.endswith(JSONL):
        own = replace(choice, data=choice.data or Path(name).expanduser())
        return _built(f"{_ROOM}.jsonl_suite:build", own)
    row = SUITES.get(name)
    target = row.target if row else _installed().get(name)
    if target is None:
        raise UnknownNameError("suite", choice.name, (*names(), *ALIASES), hint="All of them: uic eval list")
    return _built(target, replace(choice, name=name))


def in_package() -> Iterator[Suite]:
    """The suites that need nothing but this package, each as it is where nothing is chosen. Takes part of a second."""
    from unified_intelligence.evaluation.suite import Choice

    for name, row in SUITES.items():
        if row.in_package:
            yield build(Choice(name=name, offline=True))


def _built(target: str, choice: Choice) -> Suite:
    from unified_intelligence.evaluation.rows import RowsSuite
    from unified_intelligence.evaluation.suite import Suite

    made = _load(choice.name, target)(choice)
    return made if isinstance(made, Suite) else RowsSuite(choice, made, origin=target)


def _load(name: str, target: str) -> Build:
    module, _, function = target.partition(":")
    try:
        return cast("Build", getattr(importlib.import_module(module), function))
    except (ImportError, AttributeError) as error:
        raise ConfigurationError(
            f"The suite {name} cannot be loaded from {target}: {error}", hint="All others work: uic eval list"
        ) from error


def _installed() -> dict[str, str]:
    from importlib.metadata import entry_points

    return {entry.name: entry.value for entry in entry_points(group=ENTRY_POINTS)}
