"""The embedded model's tokenizer: text to token ids and back, through the `tokenizers` library."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from tokenizers import Tokenizer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_LONGEST_REMEMBERED = 4096  # characters: more than a question has that the model can read


class Tokens:
    """A tokenizer.json, read once."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._remembered = lru_cache(maxsize=4096)(self._encode)

    @classmethod
    def load(cls, folder: Path) -> Tokens:
        """Raises FileNotFoundError, and ValueError for a file that is no tokenizer."""
        return cls(Tokenizer.from_buffer((folder / "tokenizer.json").read_bytes()))

    def encode(self, text: str) -> list[int]:
        return list(self._remembered(text) if len(text) <= _LONGEST_REMEMBERED else self._encode(text))

    def decode(self, ids: Sequence[int]) -> str:
        return self._tokenizer.decode(list(ids), skip_special_tokens=False)

    def unknown(self, ids: Sequence[int]) -> int | None:
        """The first number that is no token."""
        known = self._tokenizer.id_to_token
        return next((number for number in ids if not 0 <= number < 2**32 or known(number) is None), None)

    def _encode(self, text: str) -> tuple[int, ...]:
        if not text.isascii():  # half a surrogate pair, from bytes that were no text, is shown as "?"
            text = text.encode("utf-8", "replace").decode("utf-8")
        if len(text) <= _LONGEST_REMEMBERED:
            return tuple(self._tokenizer.encode(text, add_special_tokens=False).ids)
        # Of the library's ways to encode this is the one that lets other threads run meanwhile.
        return tuple(self._tokenizer.encode_batch_fast([text], add_special_tokens=False)[0].ids)
