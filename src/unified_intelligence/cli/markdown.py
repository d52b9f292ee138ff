"""Markdown for the terminal, a block at a time: each is laid out once, when it is finished, so that a long answer costs
what its length costs.

`Blocks` cuts the text: put together again, the blocks are the text. A block ends
- at a blank line, unless a fence is open, or the block is a list and the next line is indented and so belongs to it;
- before a fence that begins at the margin, and after one that ends there.
Left out of the bargain: a link defined in another block than its use stays as it was written.
"""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING

from unified_intelligence.cli.terminal import harmless

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from rich.markdown import Markdown

_FENCE = re.compile(r"([ \t]*)(`{3,}(?=[^`]*$)|~{3,})(.*)")
_LIST_ITEM = re.compile(r" {0,3}(?:[-*+]|\d{1,9}[.)])(?:[ \t]|$)")
_INDENTED = re.compile(r" {2,}|\t")


class Blocks:
    """Cuts a text that comes in pieces into its blocks."""

    def __init__(self) -> None:
        self._line: list[str] = []
        self._block: list[str] = []
        self._is_list = False
        self._after_blank = False
        self._fence = ""
        self._fence_is_block = False

    def feed(self, piece: str) -> list[str]:
        """The blocks that this piece finishes."""
        finished: list[str] = []
        *ends, tail = piece.split("\n")
        for end in ends:
            line = "".join([*self._line, end, "\n"])
            self._line.clear()
            finished += self._take(line)
        if tail:
            self._line.append(tail)
        return finished

    def close(self) -> list[str]:
        """The last block, finished or not."""
        rest = self._take("".join(self._line)) if self._line else []
        self._line.clear()
        return [*rest, *self._cut()]

    def _take(self, line: str) -> list[str]:
        if self._fence:
            self._block.append(line)
            return self._cut() if self._closes_fence(line) and self._fence_is_block else []
        if not line.strip():
            return self._take_blank(line)
        before = self._cut() if self._ends_before(line) else []
        fence = _FENCE.match(line.rstrip("\n"))
        if not self._block:
            self._is_list = _LIST_ITEM.match(line) is not None
        self._after_blank = False
        self._block.append(line)
        if fence and (self._is_list or len(fence[1].expandtabs(4)) < 4):
            self._fence = fence[2]
            self._fence_is_block = not self._is_list
        return before

    def _take_blank(self, line: str) -> list[str]:
        """Blank lines belong to the block before them."""
        self._block.append(line)
        self._after_blank = True
        return [] if self._is_list else self._cut()

    def _ends_before(self, line: str) -> bool:
        if self._is_list and self._after_blank:
            return not _INDENTED.match(line)
        fence = _FENCE.match(line.rstrip("\n"))
        return bool(fence and (not fence[1] or not self._is_list) and len(fence[1].expandtabs(4)) < 4)

    def _closes_fence(self, line: str) -> bool:
        stripped = line.strip()
        closes = len(stripped) >= len(self._fence) and stripped == self._fence[0] * len(stripped)
        if closes:
            self._fence = ""
        return closes

    def _cut(self) -> list[str]:
        block = "".join(self._block)
        self._block.clear()
        self._is_list = self._after_blank = False
        return [block] if block else []


class Renderer:
    """Lays a block out for a terminal of a width, which is asked again for each block; `filled` as `Page` has it."""

    def __init__(self, *, colours: bool, columns: int, filled: bool = False) -> None:
        self._colours = colours
        self._filled = filled
        self._columns = columns
        self._first = True

    def render(self, block: str) -> str:
        """The block as the terminal shows it, a blank line before it unless it is the first."""
        if not block.strip():
            return ""
        from rich.console import Console

        console = Console(
            width=self._width(),
            force_terminal=self._colours,
            no_color=not self._colours,
            color_system="standard" if self._colours else None,
            legacy_windows=False,
            _environ={},
        )
        with console.capture() as shown:
            console.print(self._document(block))
        lines = [line.rstrip() for line in shown.get().split("\n")]
        visible = [i for i, line in enumerate(lines) if harmless(line).strip()]
        if not visible:
            return ""
        before = "" if self._first else "\n"
        self._first = False
        return before + "\n".join(lines[visible[0] : visible[-1] + 1]) + "\n"

    def _width(self) -> int:
        import shutil

        return self._columns or min(shutil.get_terminal_size((80, 24)).columns, 120)

    def _document(self, block: str) -> Markdown:
        """A line stays a line, as on the pages of chats: what models write has no lines but those that are meant.

        Those of a document are of its file, and are filled anew.
        """
        from rich.markdown import Markdown

        document = Markdown(block, code_theme="ansi_dark", hyperlinks=False)
        document.parsed = self._parser.parse(block)
        for token in () if self._filled else document.parsed:
            for part in token.children or ():
                if part.type == "softbreak":
                    part.type = "hardbreak"
        return document

    @cached_property
    def _parser(self) -> MarkdownIt:
        """Unlike rich's own it takes HTML for text: `List<String>` must not lose a word."""
        from markdown_it import MarkdownIt

        return MarkdownIt("commonmark", {"html": False}).enable(["strikethrough", "table"])


class Page:
    """Markdown in, what the terminal shows out; with `filled` the lines of its paragraphs are broken anew."""

    def __init__(self, *, colours: bool, columns: int, filled: bool = False) -> None:
        self._blocks = Blocks()
        self._renderer = Renderer(colours=colours, columns=columns, filled=filled)

    def feed(self, text: str) -> str:
        """What can be shown now."""
        return "".join(self._renderer.render(block) for block in self._blocks.feed(text))

    def close(self) -> str:
        """The rest."""
        return "".join(self._renderer.render(block) for block in self._blocks.close())
