import random
import time
from collections.abc import Iterable
from itertools import combinations, pairwise

import pytest

from unified_intelligence.entities.reasoning import Channel, Piece, Tags, TagSplitter, beginning_at_end

TAGS: Tags = {"reasoning": ("<think>", "</think>"), "tool_call": ("<tool_call>", "</tool_call>")}


def split(chunks: Iterable[str], start: Channel = "text", *, exact: bool = False) -> list[Piece]:
    """All pieces, those of one span joined, so that only the meaning is left and not the cutting."""
    splitter = TagSplitter(TAGS, start, exact=exact)
    pieces = [piece for chunk in chunks for piece in splitter.feed(chunk)] + splitter.flush()
    joined: list[Piece] = []
    for piece in pieces:
        if joined and joined[-1].channel == piece.channel and not joined[-1].closed:
            joined[-1] = Piece(piece.channel, joined[-1].text + piece.text, piece.closed)
        else:
            joined.append(piece)
    return joined


CASES: list[tuple[str, Channel, list[Piece]]] = [
    ("Grüß Gott 🙂\n", "text", [Piece("text", "Grüß Gott 🙂\n")]),
    ("<think>a</think>\n\nb", "text", [Piece("reasoning", "a", True), Piece("text", "b")]),
    ("a</think>\nb\n", "reasoning", [Piece("reasoning", "a", True), Piece("text", "b\n")]),
    ("<think>\n\n</think>\n\nb", "text", [Piece("reasoning", "", True), Piece("text", "b")]),
    ("<think>a < b", "text", [Piece("reasoning", "a < b")]),
    ("<think>a</thi", "text", [Piece("reasoning", "a</thi")]),
    ("a <b> <thin> <", "text", [Piece("text", "a <b> <thin> <")]),
    ("<<think>x</think>", "text", [Piece("text", "<"), Piece("reasoning", "x", True)]),
    ("a</think>b", "text", [Piece("text", "a</think>b")]),
    ("<think>a<think>b<tool_call>c</think>d", "text", [
        Piece("reasoning", "a<think>b<tool_call>c", True), Piece("text", "d")]),
    ("<tool_call>\n{1}\n</tool_call>\n<tool_call>{2}</tool_call>", "text", [
        Piece("tool_call", "{1}\n", True), Piece("tool_call", "{2}", True)]),
    ("é\n<tool_call>{", "text", [Piece("text", "é\n"), Piece("tool_call", "{")]),
    ("", "reasoning", []),
]  # fmt: skip


@pytest.mark.parametrize(("text", "start", "expected"), CASES)
def test_every_cutting_gives_the_same_pieces(text: str, start: Channel, expected: list[Piece]) -> None:
    for cuts in (cuts for count in range(3) for cuts in combinations(range(len(text) + 1), count)):
        edges = (0, *cuts, len(text))
        assert split((text[a:b] for a, b in pairwise(edges)), start) == expected, cuts
    assert split(text, start) == expected


def test_random_texts_in_random_cuttings() -> None:
    draw = random.Random(7)
    parts = ["<think>", "</think>", "<tool_call>", "</tool_call>", "<", ">", "/", "think", "\n", "é", "🙂 ", "</", "a"]
    for _ in range(1500):
        text = "".join(draw.choices(parts, k=draw.randrange(14)))
        start: Channel = draw.choice(("text", "reasoning"))
        edges = sorted({0, len(text), *(draw.randrange(len(text) + 1) for _ in range(6))})
        chunks = [text[a:b] for a, b in pairwise(edges)]
        assert split(chunks, start) == split([text], start), (text, chunks)


def test_nothing_is_held_back_that_cannot_become_a_tag() -> None:
    splitter = TagSplitter(TAGS)
    assert splitter.feed("5 < 7 <t") == [Piece("text", "5 < 7 ")]
    assert splitter.feed("i") == [Piece("text", "<ti")]
    assert splitter.channel == "text"


def test_without_tags_everything_is_text() -> None:
    splitter = TagSplitter({})
    assert splitter.feed("<think>é") == [Piece("text", "<think>é")]
    assert splitter.flush() == []


def test_the_time_is_linear_in_the_text() -> None:
    def seconds(size: int) -> float:
        splitter = TagSplitter(TAGS, "reasoning")
        started = time.process_time()
        for _ in range(size):
            splitter.feed("<")
        splitter.feed("</think" * size)
        return time.process_time() - started

    seconds(1000)
    small = min(seconds(4_000) for _ in range(3))
    assert min(seconds(32_000) for _ in range(2)) < 8 * small * 4


@pytest.mark.parametrize(("text", "sought", "held"), [
    ("ab", ("abc", "b!"), 2), ("xxaa", ("aab",), 2), ("abc", ("abc",), 0), ("", ("a",), 0), ("a", (), 0),
])  # fmt: skip
def test_beginning_at_end(text: str, sought: tuple[str, ...], held: int) -> None:
    assert beginning_at_end(text, sought) == held


EXACT: list[tuple[str, Channel, list[Piece]]] = [
    ('{"a": "<think>é</think>"}', "text", [Piece("text", '{"a": "<think>é</think>"}')]),
    ("<think>\nx</think>\n\n<think>🙂", "text", [Piece("reasoning", "x", True), Piece("text", "<think>🙂")]),
    ("x</think>\n<think>", "reasoning", [Piece("reasoning", "x", True), Piece("text", "<think>")]),
    ("a<think>", "text", [Piece("text", "a<think>")]),
    ("<thin", "text", [Piece("text", "<thin")]),
    ('<tool_call>{"a": "</tool_call>é\\"</tool_call>", "b\\\\": 1}\n</tool_call>\n<tool_call>{}</tool_call>', "text", [
        Piece("tool_call", '{"a": "</tool_call>é\\"</tool_call>", "b\\\\": 1}\n', True),
        Piece("tool_call", "{}", True)]),
    ('Là <tool_call>{"</tool_call>', "text", [Piece("text", "Là "), Piece("tool_call", '{"</tool_call>')]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "start", "expected"), EXACT)
def test_in_an_answer_held_to_a_grammar_a_quoted_tag_is_text(text: str, start: Channel, expected: list[Piece]) -> None:
    for cuts in (cuts for count in range(3) for cuts in combinations(range(len(text) + 1), count)):
        edges = (0, *cuts, len(text))
        assert split((text[a:b] for a, b in pairwise(edges)), start, exact=True) == expected, cuts
    assert split(text, start, exact=True) == expected


def test_an_exact_answer_of_a_model_that_does_not_think() -> None:
    splitter = TagSplitter({"tool_call": TAGS["tool_call"]}, exact=True)
    assert splitter.feed("<think>é<tool_call>{}") == [Piece("text", "<think>é"), Piece("tool_call", "{}")]
