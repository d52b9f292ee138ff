import math
from collections import Counter

import pytest
import torch

from tests.unit.engine.one_row import OneRow
from unified_intelligence.engine.text import TextOfTokens
from unified_intelligence.entities.errors import ModelError
from unified_intelligence.profiles.sampling import Sampling


def drawn(logits: list[float], sampling: Sampling, times: int = 400) -> Counter[int]:
    one = OneRow(sampling, seed=11)
    return Counter(one.draw(torch.tensor(logits)).token for _ in range(times))


@pytest.mark.parametrize("sampling", [
    Sampling(0.0), Sampling(1e-320), Sampling(1e-4), Sampling(1.0, top_k=1), Sampling(1.0, top_p=1e-9),
    Sampling(1.0, top_p=0), Sampling(5.0, 0.3),
])  # fmt: skip
def test_without_a_choice_the_best_is_taken(sampling: Sampling) -> None:
    assert drawn([1.0, 3.0, 2.0], sampling) == {1: 400}


def test_draws_follow_the_probabilities() -> None:
    counts = drawn([0.0, math.log(3.0)], Sampling(1.0), 2000)
    assert counts[1] / 2000 == pytest.approx(0.75, abs=0.04)
    warm = drawn([0.0, math.log(9.0)], Sampling(2.0), 2000)
    assert warm[1] / 2000 == pytest.approx(0.75, abs=0.04)


def test_top_k_and_top_p_cut_the_tail() -> None:
    logits = [math.log(share) for share in (0.1, 0.5, 0.3, 0.1)]
    assert set(drawn(logits, Sampling(1.0, top_k=2))) == {1, 2}
    assert set(drawn(logits, Sampling(1.0, top_p=0.7))) == {1, 2}
    assert set(drawn(logits, Sampling(1.0, top_p=0.4))) == {1}
    assert set(drawn(logits, Sampling(1.0))) == {0, 1, 2, 3}


@pytest.mark.parametrize("broken", [math.nan, math.inf])
@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_numbers_that_overflowed_are_an_error_and_not_a_token(broken: float, temperature: float) -> None:
    with pytest.raises(ModelError, match="finite") as raised:
        drawn([0.0, broken], Sampling(temperature), 1)
    assert "float32" in raised.value.hint


def as_bytes(ids: list[int]) -> str:
    return bytes(ids).decode(errors="replace")


def test_characters_come_out_whole_however_their_bytes_are_cut() -> None:
    text = "Ça 👩‍🚀 €\n"
    reader = TextOfTokens(as_bytes)
    pieces = [reader.add(byte) for byte in text.encode()]
    assert "".join(pieces) + reader.rest() == text
    assert [piece for piece in pieces if piece] == list(text)


def test_a_character_that_never_ends_is_dropped_and_damage_does_not_wait_for_ever() -> None:
    reader = TextOfTokens(as_bytes)
    assert "".join(map(reader.add, "é🙂".encode()[:5])) + reader.rest() == "é"
    damaged = TextOfTokens(as_bytes)
    pieces = [damaged.add(0x80) for _ in range(100)]
    assert sum(map(len, pieces)) > 80
    assert list(map(damaged.add, b"ok"))[-1] == "k"


def test_a_decoder_that_trims_its_first_space_loses_none() -> None:
    words = {0: " Il", 1: " fait", 2: " beau"}
    reader = TextOfTokens(lambda ids: "".join(words[index] for index in ids).removeprefix(" "))
    assert [reader.add(index) for index in (0, 1, 2)] == ["Il", " fait", " beau"]
