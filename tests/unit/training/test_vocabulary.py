"""The tokenizer's promises, on one trained in a moment."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path

import pytest
from tokenizers import Tokenizer

from training.embedded.conversations import Conversation, Mixture, conversations
from training.embedded.vocabulary import SPECIAL, TAGS, save_tokenizer, train_tokenizer
from unified_intelligence.embedded.calls import CALL, CLOSE, NEXT, OPEN, STRUCTURE, VALUE
from unified_intelligence.embedded.tokens import Tokens

SIZE = 800


@pytest.fixture(scope="module")
def sample() -> list[Conversation]:
    return list(islice(conversations(1, Mixture()), 150))


@pytest.fixture(scope="module")
def tokenizer(sample: list[Conversation]) -> Tokenizer:
    return train_tokenizer((text for one in sample for text in (one.prompt, one.completion)), SIZE)


def ids(tokenizer: Tokenizer, text: str) -> list[int]:
    return tokenizer.encode(text, add_special_tokens=False).ids


def test_it_has_the_size_asked_for(tokenizer: Tokenizer) -> None:
    assert tokenizer.get_vocab_size() == SIZE


@pytest.mark.parametrize("word", ["rate", "boston", "tokyo", "yaitgroum", "ete"])
def test_a_word_has_the_same_tokens_wherever_it_stands(tokenizer: Tokenizer, word: str) -> None:
    alone = ids(tokenizer, word)
    for before, after in (
        (" ", ""),
        ('"', '"'),
        ("(", ")"),
        ("l'", "."),
        ("3", "5"),
        ("\n", "\n"),
        ("_", "_"),
        ("%", ","),
    ):
        assert ids(tokenizer, before + word + after) == ids(tokenizer, before) + alone + ids(tokenizer, after)


def test_digits_stand_alone(tokenizer: Tokenizer) -> None:
    assert len(ids(tokenizer, "1234567890")) == 10


@pytest.mark.parametrize("piece", [*STRUCTURE, *SPECIAL, *TAGS])
def test_what_never_varies_is_one_token(tokenizer: Tokenizer, piece: str) -> None:
    assert len(ids(tokenizer, piece)) == 1


def test_a_call_is_the_tokens_of_its_pieces(tokenizer: Tokenizer) -> None:
    pieces = [CALL, OPEN, "define", '", "arguments": {', '"', "term", VALUE, '"l\'ete"', NEXT, "b", VALUE, "10", CLOSE]
    assert ids(tokenizer, "".join(pieces)) == [token for piece in pieces for token in ids(tokenizer, piece)]


def test_no_text_is_lost(tokenizer: Tokenizer, sample: list[Conversation], tmp_path: Path) -> None:
    save_tokenizer(tokenizer, tmp_path)
    tokens = Tokens.load(tmp_path)
    for text in [*(one.prompt + one.completion for one in sample), "🙂 été\t\x00 «ß» 中文\n\n  x"]:
        assert tokens.decode(tokens.encode(text)) == text
    assert json.loads((tmp_path / "tokenizer_config.json").read_text(encoding="utf-8"))["eos_token"] == "<|im_end|>"
