"""Patterns of files as git has them: in a spec, in the .gitignore that the Hub obeys, in a .gitattributes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

_CLASS = re.compile(r"\[(!|\^)?(\]?[^\]]*)\]")
_NOTHING = re.compile("(?!)")


class _Rule(NamedTuple):
    expression: re.Pattern[str]
    negated: bool
    folders_only: bool


class Patterns:
    """The last pattern that matches decides; one that begins with ! takes a file out again."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._rules = [*_rules(lines)]

    def match(self, path: str) -> bool:
        """Whether the file at this path, or a folder that it is in, is meant, whatever else is said of the file."""
        parts = path.split("/")
        above = ("/".join(parts[:end]) for end in range(1, len(parts)))
        return any(self._meant(folder, is_folder=True) for folder in above) or self._meant(path, is_folder=False)

    def _meant(self, path: str, *, is_folder: bool) -> bool:
        meant = False
        for rule in self._rules:
            if (is_folder or not rule.folders_only) and rule.expression.fullmatch(path):
                meant = not rule.negated
        return meant


def _rules(lines: Iterable[str]) -> Iterator[_Rule]:
    for line in lines:
        pattern = re.sub(r"(?<!\\)\s+$", "", line)
        negated = pattern.startswith("!")
        pattern = pattern.removeprefix("!")
        if not pattern or (pattern.startswith("#") and not negated):
            continue
        yield _Rule(expression(pattern.removesuffix("/")), negated, pattern.endswith("/"))


def expression(pattern: str) -> re.Pattern[str]:
    """The expression for the whole path from the root; a pattern without a slash is for a name anywhere.

    One that is broken, such as `[a`, matches nothing, as with git.
    """
    try:
        return re.compile(_translated(pattern), re.DOTALL)
    except re.error:
        return _NOTHING


def _translated(pattern: str) -> str:
    written = "" if "/" in pattern else "(?:.*/)?"
    pattern, at = pattern.removeprefix("/"), 0
    while at < len(pattern):
        rest = pattern[at:]
        at_start = at == 0 or pattern[at - 1] == "/"
        if at_start and rest.startswith("**/"):
            written, at = f"{written}(?:.*/)?", at + 3
        elif at_start and rest == "**":
            written, at = f"{written}.+", at + 2
        elif found := _CLASS.match(rest):
            inside = found[2].replace("\\", "\\\\").replace("[", "\\[").replace("]", "\\]")
            written, at = f"{written}(?!/)[{'^' if found[1] else ''}{inside}]", at + found.end()
        elif rest[0] == "[":
            raise re.error("[ without its end")
        elif rest[0] in "*?":
            written, at = f"{written}[^/]{'*' if rest[0] == '*' else ''}", at + 1
        elif rest[0] == "\\" and len(rest) > 1:
            written, at = f"{written}{re.escape(rest[1])}", at + 2
        else:
            written, at = f"{written}{re.escape(rest[0])}", at + 1
    return written
