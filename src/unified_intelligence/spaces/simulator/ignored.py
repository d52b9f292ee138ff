"""Which paths the patterns of a .gitignore leave out, and which those of a .gitattributes keep as large files."""

from __future__ import annotations

import re
from collections.abc import Iterator

_CLASS = re.compile(r"\[(!|\^)?(\]?[^\]]*)\]")


class Ignored:
    """The patterns of one .gitignore at the root. A later pattern outweighs an earlier one."""

    def __init__(self, text: str) -> None:
        self._rules = list(_rules(text))

    def __contains__(self, path: str) -> bool:
        """A file whose folder is left out is left out too, whatever else is said of it."""
        parts = path.split("/")
        above = ("/".join(parts[:end]) for end in range(1, len(parts)))
        return any(self._matched(folder, is_folder=True) for folder in above) or self._matched(path, is_folder=False)

    def _matched(self, path: str, *, is_folder: bool) -> bool:
        ignored = False
        for rule, negated, folders_only in self._rules:
            if (is_folder or not folders_only) and rule.fullmatch(path):
                ignored = not negated
        return ignored


class LargeFiles:
    """The patterns of a .gitattributes that say `filter=lfs`."""

    def __init__(self, text: str) -> None:
        lines = (line.split() for line in text.splitlines() if line and not line.startswith("#"))
        named = (words[0] for words in lines if "filter=lfs" in words[1:])
        self._patterns = [re.compile(_expression(name.lstrip("/"), "/" in name)) for name in named]

    def __contains__(self, path: str) -> bool:
        return any(pattern.fullmatch(path) for pattern in self._patterns)


def _rules(text: str) -> Iterator[tuple[re.Pattern[str], bool, bool]]:
    for line in text.splitlines():
        pattern = re.sub(r"(?<!\\) +$", "", line)
        negated = pattern.startswith("!")
        pattern = pattern.removeprefix("!")
        if not pattern or (pattern.startswith("#") and not negated):
            continue
        folders_only = pattern.endswith("/")
        pattern = pattern.removesuffix("/")
        anchored = "/" in pattern
        try:
            yield re.compile(_expression(pattern.removeprefix("/"), anchored)), negated, folders_only
        except re.error:
            continue  # as git, which takes a pattern that cannot match for one that does not


def _expression(pattern: str, anchored: bool) -> str:
    """A regular expression of the whole path from the root."""
    start = "" if anchored else "(?:.*/)?"
    written, at = "", 0
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
        elif rest[0] == "*":
            written, at = f"{written}[^/]*", at + 1
        elif rest[0] == "?":
            written, at = f"{written}[^/]", at + 1
        elif rest[0] == "\\" and len(rest) > 1:
            written, at = f"{written}{re.escape(rest[1])}", at + 2
        else:
            written, at = f"{written}{re.escape(rest[0])}", at + 1
    return start + written
