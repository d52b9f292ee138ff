"""Choosing among sequences: greedy along the trie, and never anything else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from unified_intelligence.embedded.decoding import Writer
from unified_intelligence.embedded.forward import Cache, Qwen3Forward, Shape


class _Scripted(Qwen3Forward):
    """A model whose favourite next token follows from the last one; it counts how often it is asked."""

    def __init__(self, favourites: Mapping[int, Sequence[float]]) -> None:
        self.shape = Shape(1, 1, 1, 4, 1e-6, 10000.0, 64)
        self.favourites, self.asked = favourites, 0

    def step(self, tokens: Sequence[int], cache: Cache) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
        self.asked += 1
        cache.length += len(tokens)
        return np.array(self.favourites[tokens[-1]], np.float32)


def _model() -> _Scripted:
    flat = [0.0] * 8
    return _Scripted(
        {0: [0, 1, 5, 2, 0, 0, 0, 9], 2: [0, 0, 0, 1, 3, 0, 0, 9]} | dict.fromkeys((1, 3, 4, 5, 6, 7), flat)
    )


def test_the_likeliest_allowed_branch_is_written() -> None:
    writer = Writer(_model(), [0])
    assert writer.choose([[1, 5], [2, 3, 6], [2, 4, 6]]) == 2  # token 7 is likelier everywhere and never allowed
    assert writer.written == [2, 4, 6]


def test_certain_tokens_cost_no_step() -> None:
    model = _model()
    writer = Writer(model, [0])
    assert writer.choose([[5, 6, 4, 3]]) == 0
    assert model.asked == 0
    writer.choose([[1], [2]])
    assert model.asked == 1


@pytest.mark.parametrize("sequences", [[[1], [1, 2]], [[1, 2], [1]]])
def test_a_sequence_that_begins_another_is_refused(sequences: list[list[int]]) -> None:
    with pytest.raises(ValueError, match="prefix"):
        Writer(_model(), [0]).choose(sequences)


def test_equal_sequences_are_one_choice() -> None:
    writer = Writer(_model(), [0])
    assert writer.choose([[2, 4], [2, 4]]) == 0
