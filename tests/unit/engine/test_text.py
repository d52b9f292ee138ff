"""What tokens of whole and of broken characters become, one after the other, is what they are together."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from unified_intelligence.engine.text import TextOfTokens

SPECIAL = 0
_WORDS = ("", "é", "🙂", " un", "\u2028", "漢字", "👩‍🚀")
PIECES = [word.encode() for word in _WORDS] + [bytes([byte]) for byte in range(256)]
BROKEN = [piece for piece in range(len(PIECES)) if len(PIECES[piece]) == 1 and PIECES[piece] >= b"\x80"]


def spell(tokens: Sequence[int]) -> str:
    return b"".join(PIECES[token] for token in tokens).decode(errors="replace")


def streamed(tokens: Sequence[int]) -> str:
    text = TextOfTokens(spell)
    shown = ""
    for token in tokens:
        before, shared = text.length, text.share(token)
        shown += text.add(token)
        assert text.length == before + len(shared)
    return shown + text.rest()


@pytest.mark.parametrize("damage", [0.05, 0.5, 0.95, 1.0])
def test_damaged_text_is_the_same_piece_by_piece(damage: float) -> None:
    chance = random.Random(damage)
    for _ in range(400):
        length = chance.randrange(1, 40)
        tokens = [
            chance.choice(BROKEN) if chance.random() < damage else chance.randrange(len(PIECES)) for _ in range(length)
        ]
        assert streamed(tokens).rstrip("\ufffd") == spell(tokens).rstrip("\ufffd"), tokens


def test_a_character_behind_long_damage_is_whole() -> None:
    """However many tokens came before it that were none, and with one of no text inside of it."""
    byte = {piece: number for number, piece in enumerate(PIECES) if piece}
    for damaged in range(20):
        for between in ([], [SPECIAL]):
            tokens = [byte[b"\xbf"]] * damaged
            for one in "🙂".encode():
                tokens += [byte[bytes([one])], *between]
            assert streamed(tokens) == "\ufffd" * damaged + "🙂"
