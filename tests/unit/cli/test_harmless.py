"""What a model may do to a terminal: write text."""

from __future__ import annotations

import random

import pytest

from unified_intelligence.cli.terminal import Harmless, harmless

PIECES = [
    "é 🎈", "\n", "\t", "\x1b[31m", "\x1b[?25l", "\x1b]0;title\x07", "\x1b]8;;http://x\x1b\\",
    "\x1bP1$r\x1b\\", "\x9b2J", "\x9d0;t\x9c",
    "\x1bc", "\x1b(B", "\x08", "\r", "\x07", "\x7f", "\u202e", "\u2066", "\x1b", "[", "]", "plain",
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[31;1mb\x1b[0mc", "abc"),
        ("a\x1b]0;owned\x07b", "ab"),
        ("a\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "alink"),
        ("a\x9b2Jb\x9d0;t\x9cc", "abc"),
        ("a\x1bPq\x1b\\b\x1bcd", "abd"),
        ("user\u202etxt.exe\u2066", "usertxt.exe"),
        ("a\x08\x07\x00\x7f\rb\r\n\tc", "ab\n\tc"),
        ("👩‍👩‍👧 é שלום", "👩‍👩‍👧 é שלום"),
        ("never \x1b]0;ended\nnext line", "never ]0;ended\nnext line"),
    ],
)  # fmt: skip
def test_text_is_left_and_the_rest_is_taken_out(text: str, shown: str) -> None:
    assert harmless(text) == shown


def test_in_pieces_it_is_the_same() -> None:
    for seed in range(300):
        chance = random.Random(seed)
        text = "".join(chance.choices(PIECES, k=chance.randint(0, 25)))
        feed, shown, rest = Harmless(), "", text
        while rest:
            size = chance.randint(1, 4)
            shown += feed.feed(rest[:size])
            rest = rest[size:]
        shown += feed.close()
        assert shown == harmless(text)
        assert not any(character in shown for character in "\x1b\x9b\x9d\x07\x08\r\u202e")


def test_a_sequence_that_never_ends_holds_nothing_back_for_long() -> None:
    feed = Harmless()
    shown = (
        "".join(feed.feed("x" * 10) for _ in range(5))
        + feed.feed("\x1b]")
        + "".join(feed.feed("y") for _ in range(2000))
    )
    assert shown.count("y") > 1000
