"""Decoding that can only write what is allowed: a choice among token sequences, made by the model.

A call is written as a chain of choices. Where only one continuation is possible its tokens are appended without
asking the model; where several are, the model's logits decide token by token along a trie. So the output always
parses, and every value in it was in the question or in the schema.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from unified_intelligence.embedded.forward import Qwen3Forward


Trie = dict[int, "Trie | int"]


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in a text in the making, and what the model expected there."""

    written: int
    tokens: int
    logits: NDArray[np.float32]


class Writer:
    """A text in the making: tokens already run through the model, and tokens still to be."""

    def __init__(self, model: Qwen3Forward, prompt: Sequence[int]) -> None:
        self._model = model
        self._cache = model.new_cache()
        self._pending = list(prompt)
        self._logits = np.zeros(0, np.float32)
        self.prompt_tokens = len(prompt)
        self.written: list[int] = []

    def write(self, tokens: Sequence[int]) -> None:
        """Appends tokens that are certain."""
        self._pending.extend(tokens)
        self.written.extend(tokens)

    def log_probabilities(self) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
        """Of every token of the vocabulary, to come next."""
        if self._pending:
            self._logits = self._model.step(self._pending, self._cache)
            self._pending = []
        shifted = self._logits - self._logits.max()
        return shifted - np.log(np.exp(shifted).sum())

    def mark(self) -> Mark:
        """Where `back_to` returns to."""
        self.log_probabilities()
        return Mark(len(self.written), self._cache.length, self._logits)

    def back_to(self, mark: Mark) -> None:
        """Forgets what was written since."""
        del self.written[mark.written :]
        self._pending = []
        self._cache.rewind(mark.tokens)
        self._logits = mark.logits

    def choose(self, sequences: Sequence[Sequence[int]]) -> int:
        """Writes one of the sequences, the model choosing greedily along their trie, and returns its index.

        No sequence may be a prefix of another.
        """
        node: Trie = _trie(sequences)
        while True:
            if len(node) == 1:
                token = next(iter(node))
            else:
                scores = self.log_probabilities()
                token = max(node, key=lambda candidate: float(scores[candidate]))
            self.write([token])
            following = node[token]
            if isinstance(following, int):
                return following
            node = following

    def choose_with(self, sequences: Sequence[Sequence[int]], bias: Sequence[float]) -> int:
        """As `choose`, but by the whole log-probability of each among them, plus a bias."""
        scores = self._scores(sequences)
        best = max(range(len(sequences)), key=lambda index: scores[index] + bias[index])
        self.write(sequences[best])
        return best

    def _scores(self, sequences: Sequence[Sequence[int]]) -> list[float]:
        """The log-probability of each sequence among these, by visiting every fork of their trie."""
        start = self.log_probabilities()
        length = self._cache.length
        found = [0.0] * len(sequences)
        forks: list[tuple[Trie, list[int], float]] = [(_trie(sequences), [], 0.0)]
        while forks:
            node, path, total = forks.pop()
            if len(node) > 1 and path:
                self._cache.rewind(length)
                logits = self._model.step(path, self._cache)
            else:
                logits = start
            children = list(node)
            among = logits[children] - logits[children].max()
            among = among - np.log(np.exp(among).sum())
            for token, share in zip(children, among, strict=True):
                following = node[token]
                if isinstance(following, int):
                    found[following] = total + float(share)
                else:
                    forks.append((following, [*path, token], total + float(share)))
        self._cache.rewind(length)
        return found


def _trie(sequences: Sequence[Sequence[int]]) -> Trie:
    root: Trie = {}
    for index, sequence in enumerate(sequences):
        node = root
        for token in sequence[:-1]:
            following = node.setdefault(token, {})
            if isinstance(following, int):
                raise ValueError(f"sequence {following} is a prefix of sequence {index}")
            node = following
        last = node.setdefault(sequence[-1], index)
        if isinstance(last, dict):
            raise ValueError(f"sequence {index} is a prefix of another")
    return root
