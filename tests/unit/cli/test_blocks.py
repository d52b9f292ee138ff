"""Markdown is cut into blocks that are finished, and nothing of it is lost."""

from __future__ import annotations

import random

import pytest

from unified_intelligence.cli.markdown import Blocks, Page

LINES = [
    "# Été 🎈",
    "a paragraph",
    "of two lines",
    "",
    "",
    "```python",
    "```",
    "~~~",
    "~~~~",
    "````",
    "    indented",
    "- item",
    "1. one",
    "2) two",
    "  more",
    "   ```",
    "\tcode",
    "> quote",
    "> ```",
    "| a | b |",
    "|---|---|",
    "***",
    "text ```",
]


def blocks_of(text: str, sizes: random.Random | None = None) -> list[str]:
    blocks, found = Blocks(), list[str]()
    while text:
        size = sizes.randint(1, 9) if sizes else len(text)
        found += blocks.feed(text[:size])
        text = text[size:]
    return found + blocks.close()


def test_the_blocks_put_together_are_the_text() -> None:
    for seed in range(300):
        chance = random.Random(seed)
        text = "\n".join(chance.choices(LINES, k=chance.randint(0, 30)))
        cut = blocks_of(text, chance)
        assert "".join(cut) == text
        assert cut == blocks_of(text)
        assert all(cut)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\nb\n\nc", ["a\nb\n\n", "c"]),
        ("a\n```\nx\n\ny\n```\nb\n", ["a\n", "```\nx\n\ny\n```\n", "b\n"]),
        ("````\n```\n\n````\n", ["````\n```\n\n````\n"]),
        ("~~~\n```\n\n~~~\n", ["~~~\n```\n\n~~~\n"]),
        ("```never\n\nclosed", ["```never\n\nclosed"]),
        ("- a\n\n  more of a\n\nb", ["- a\n\n  more of a\n\n", "b"]),
        ("- a\n\n  ```\n  x\n\n  y\n  ```\n\n- b\n", ["- a\n\n  ```\n  x\n\n  y\n  ```\n\n", "- b\n"]),
        ("| a |\n|---|\n| 1 |\n\nx", ["| a |\n|---|\n| 1 |\n\n", "x"]),
        ("`` ```not a fence``` ``\n\nx", ["`` ```not a fence``` ``\n\n", "x"]),
    ],
)
def test_where_blocks_end(text: str, expected: list[str]) -> None:
    assert blocks_of(text) == expected


def test_a_finished_block_is_shown_at_once() -> None:
    page = Page(colours=False, columns=40)
    assert page.feed("Première **ligne**") == ""
    assert page.feed("\n\n") == "Première ligne\n"
    assert page.feed("2. deux\n") == ""
    assert page.close() == "\n 2 deux\n"


@pytest.mark.parametrize("text", ["List<String> and <think>", "<div>\nx\n</div>", "a < b && c > d", "[a](http://x.y)"])
def test_no_word_is_lost(text: str) -> None:
    page = Page(colours=False, columns=80)
    shown = page.feed(text) + page.close()
    assert text.replace("[a](http://x.y)", "a (http://x.y)").split() == shown.split()
