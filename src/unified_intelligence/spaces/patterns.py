"""Patterns of files as .gitignore has them: in a spec, and in the .gitignore that the Hub obeys."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePosixPath


class Patterns:
    """The last pattern that matches decides; one that begins with ! takes a file out again."""

    def __init__(self, lines: Iterable[str]) -> None:
        written = [line.rstrip("\n").rstrip() for line in lines]
        self._rules = [_Rule(line) for line in written if line and not line.startswith("#")]

    def match(self, path: str) -> bool:
        """Whether the file at this path, or a folder that it is in, is meant."""
        parents = [str(parent) for parent in PurePosixPath(path).parents if str(parent) != "."]
        return any(self._meant(parent, is_folder=True) for parent in parents) or self._meant(path, is_folder=False)

    def _meant(self, path: str, *, is_folder: bool) -> bool:
        meant = False
        for rule in self._rules:
            if (is_folder or not rule.folders_only) and rule.expression.fullmatch(path):
                meant = not rule.negated
        return meant


class _Rule:
    def __init__(self, line: str) -> None:
        self.negated = line.startswith("!")
        line = line.removeprefix("!")
        self.folders_only = line.endswith("/")
        line = line.rstrip("/")
        anchored = "/" in line
        self.expression = re.compile(("" if anchored else "(?:.*/)?") + _translated(line.removeprefix("/")), re.DOTALL)


def _translated(pattern: str) -> str:
    parts: list[str] = []
    at = 0
    while at < len(pattern):
        if pattern[at] == "\\" and at + 1 < len(pattern):
            parts.append(re.escape(pattern[at + 1]))
            at += 2
            continue
        token = next(
            token for token in ("/**/", "**/", "/**", "**", "*", "?", "[", "") if pattern.startswith(token, at)
        )
        if token == "[" and (ended := pattern.find("]", at + 2)) > 0:
            inside = pattern[at + 1 : ended].replace("\\", "\\\\")
            parts.append(f"[{'^' + inside[1:] if inside[0] in '!^' else inside}]")
            at = ended + 1
            continue
        parts.append(_TOKENS.get(token) or re.escape(pattern[at]))
        at += len(token) if token in _TOKENS else 1
    return "".join(parts)


_TOKENS = {"/**/": "/(?:.*/)?", "**/": "(?:.*/)?", "/**": "/.*", "**": ".*", "*": "[^/]*", "?": "[^/]"}
