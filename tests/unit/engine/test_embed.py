"""Grouping and checking of texts before a model sees them."""

import pytest

from unified_intelligence.engine.embed import Tokens, batches, check
from unified_intelligence.entities.errors import ContextLengthError, InvalidRequestError


def test_every_text_is_in_one_batch_that_is_small_enough() -> None:
    lengths = [3000, 10, 900, 5000, 1, 4096, *[7] * 1200]
    found = list(batches(lengths))
    assert sorted(place for batch in found for place in batch) == list(range(len(lengths)))
    assert all(len(batch) == 1 or max(lengths[place] for place in batch) * len(batch) <= 4096 for batch in found)
    assert len(found) < 10
    assert list(batches([])) == []


def test_what_has_no_vector_is_refused() -> None:
    with pytest.raises(InvalidRequestError, match="no text"):
        check(Tokens([]), longest=4)
    with pytest.raises(InvalidRequestError, match="empty"):
        check(Tokens([[1], []]), longest=4)
    with pytest.raises(InvalidRequestError, match="empty"):
        check(Tokens([[1, 2, 3], [1, 2]], skipped=2), longest=4)
    with pytest.raises(ContextLengthError):
        check(Tokens([[1], [1] * 5]), longest=4)
    check(Tokens([[1], [1] * 4]), longest=4)
