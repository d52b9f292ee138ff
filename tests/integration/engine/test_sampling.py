"""What the parameters of sampling keep, beside Transformers' own processors and the formulas of OpenAI's documents."""

from __future__ import annotations

import importlib
import math
from typing import Any

import pytest
import torch

from tests.unit.engine.one_row import OneRow
from unified_intelligence.engine.draw import kept, logprobs_of
from unified_intelligence.engine.sampling import Penalties
from unified_intelligence.entities.errors import ModelError
from unified_intelligence.profiles.sampling import Sampling

ROW = torch.randn(200, generator=torch.Generator().manual_seed(5)) * 3
PROMPT, WRITTEN = [3, 7, 7, 199, 50], [7, 8, 8, 8, 120]
library: Any = importlib.import_module("transformers.generation.logits_process")


def own(sampling: Sampling) -> set[int]:
    chances, order = kept(ROW.numpy(), sampling)
    return {int(token) for token, chance in zip(order, chances, strict=True) if chance > 0}


def theirs(*warpers: Any) -> set[int]:
    scores, ids = ROW[None].clone(), torch.tensor([PROMPT])
    for warper in warpers:
        scores = warper(ids, scores)
    return {token for token in range(len(ROW)) if torch.isfinite(scores[0, token])}


@pytest.mark.parametrize("temperature", [0.3, 1.0, 2.5])
@pytest.mark.parametrize(("top_k", "top_p", "min_p"), [
    (1, 1.0, 0.0), (5, 1.0, 0.0), (500, 1.0, 0.0), (0, 0.8, 0.0), (0, 0.3, 0.0), (0, 1.0, 0.05), (0, 1.0, 1.0),
    (0, 1.0, 0.4), (20, 0.9, 0.02), (7, 0.95, 0.1),
])  # fmt: skip
def test_what_may_be_drawn_is_what_transformers_keeps(
    temperature: float, top_k: int, top_p: float, min_p: float
) -> None:
    warpers = [library.TemperatureLogitsWarper(temperature)]
    warpers += [library.TopKLogitsWarper(top_k)] if top_k else []
    warpers += [library.TopPLogitsWarper(top_p)] if top_p < 1 else []
    warpers += [library.MinPLogitsWarper(min_p)] if min_p else []
    assert own(Sampling(temperature, top_p, top_k, min_p)) == theirs(*warpers)


def note(penalties: Penalties, tokens: list[int]) -> None:
    for token in tokens:
        penalties.count(token)


def penalised(penalties: Penalties) -> torch.Tensor:
    changed = ROW.clone()
    penalties.apply(changed.numpy())
    return changed


@pytest.mark.parametrize("penalty", [0.5, 1.3, 100.0])
def test_repetition_costs_what_it_costs_in_transformers(penalty: float) -> None:
    penalties = Penalties(Sampling(0.0, repetition_penalty=penalty), PROMPT)
    note(penalties, WRITTEN)
    expected = library.RepetitionPenaltyLogitsProcessor(penalty)(torch.tensor([PROMPT + WRITTEN]), ROW[None].clone())
    assert torch.allclose(penalised(penalties), expected[0], rtol=1e-6)


@pytest.mark.parametrize(("presence", "frequency"), [(0.7, 0.0), (0.0, 1.1), (-2.0, 0.5), (2.0, -0.25)])
def test_presence_is_subtracted_once_and_frequency_as_often_as_written(presence: float, frequency: float) -> None:
    sampling = Sampling(0.0, presence_penalty=presence, frequency_penalty=frequency)
    penalties = Penalties(sampling, PROMPT)
    note(penalties, WRITTEN)
    changed = penalised(penalties)
    for token in range(len(ROW)):
        count = WRITTEN.count(token)
        assert float(changed[token]) == pytest.approx(float(ROW[token]) - frequency * count - presence * (count > 0))


def test_the_penalties_are_applied_one_after_the_other() -> None:
    both = Penalties(Sampling(0.0, presence_penalty=0.5, repetition_penalty=2.0), PROMPT)
    note(both, WRITTEN)
    for token in (3, 7, 120):
        value = float(ROW[token])
        expected = (value / 2 if value > 0 else value * 2) - 0.5 * (token in WRITTEN)
        assert float(penalised(both)[token]) == pytest.approx(expected)


def sampler(sampling: Sampling, logprobs: int | None = None) -> OneRow:
    return OneRow(sampling, PROMPT, logprobs=logprobs)


def test_a_barred_token_is_never_drawn_and_the_row_is_left_as_it_was() -> None:
    best, row = int(ROW.argmax()), ROW.clone()
    assert sampler(Sampling(0.0)).draw(row).token == best
    hot = sampler(Sampling(0.5))
    assert best not in {hot.draw(row, [best]).token for _ in range(50)}
    assert torch.equal(row, ROW)


def test_what_was_written_counts_from_the_next_draw_on() -> None:
    drawn = sampler(Sampling(0.0, frequency_penalty=2.0))
    tokens: list[int] = []
    for _ in range(40):
        tokens.append(drawn.draw(ROW).token)
        drawn.note(tokens[-1])
    expected: list[int] = []
    for _ in range(40):
        expected.append(max(range(200), key=lambda token: float(ROW[token]) - 2.0 * expected.count(token)))
    assert tokens == expected
    assert len(set(tokens)) > 3


def test_logprobs_are_the_models_before_temperature_and_penalties() -> None:
    told = sampler(Sampling(0.7, top_k=3, repetition_penalty=5.0), logprobs=4).draw(ROW, [int(ROW.argmax())])
    raw = ROW.log_softmax(-1)
    assert told.logprob == pytest.approx(float(raw[told.token]))
    best = sorted(range(len(ROW)), key=lambda token: -float(raw[token]))[:4]
    assert [token for token, _ in told.alternatives] == best
    assert [logprob for _, logprob in told.alternatives] == pytest.approx([float(raw[token]) for token in best])
    assert sampler(Sampling(0.0), logprobs=0).draw(ROW).alternatives == ()
    assert sampler(Sampling(0.0)).draw(ROW).logprob is None


def test_all_logprobs_add_up_to_one_and_what_is_impossible_is_left_out() -> None:
    _, everything = logprobs_of(ROW, 0, 1000)
    assert sum(math.exp(logprob) for _, logprob in everything) == pytest.approx(1.0, abs=1e-5)
    _, possible = logprobs_of(torch.tensor([0.0, -math.inf, 0.0]), 0, 3)
    assert {token for token, _ in possible} == {0, 2}


@pytest.mark.parametrize("sharpness", [0.1, 1.0, 4.0])
@pytest.mark.parametrize(("top_k", "top_p", "min_p"), [
    (0, 0.5, 0.0), (0, 0.95, 0.0), (0, 1.0, 0.2), (0, 0.9, 0.001), (20, 0.95, 0.0), (3000, 0.99, 0.0),
])  # fmt: skip
def test_of_a_large_vocabulary_the_same_is_kept_as_of_a_sorted_one(
    sharpness: float, top_k: int, top_p: float, min_p: float
) -> None:
    row = torch.randn(20_000, generator=torch.Generator().manual_seed(8)) * sharpness
    ordered, order = row.sort(descending=True, stable=True)
    chances = ordered[: top_k or None].softmax(-1)
    may = chances >= min_p * chances[0]
    may &= (chances.cumsum(-1) - chances) < top_p
    weights, tokens = map(torch.as_tensor, kept(row.numpy(), Sampling(1.0, top_p, top_k, min_p)))
    some = int((weights > 0).sum())
    assert abs(some - int(may.sum())) <= 1  # sums in another order
    assert torch.equal(tokens[:some], order[:some])
    assert torch.allclose(weights[:some] * chances[0], chances[:some].double(), rtol=1e-4)


def test_a_draw_from_all_follows_their_chances_and_never_meets_the_impossible() -> None:
    row = torch.full((5000,), -math.inf)
    row[[7, 1234, 4999]] = torch.tensor([0.5, 0.25, 0.25]).log()
    one = sampler(Sampling(1.0))
    draws = [one.draw(row).token for _ in range(4000)]
    assert set(draws) == {7, 1234, 4999}
    assert draws.count(7) / 4000 == pytest.approx(0.5, abs=0.04)
    assert draws.count(4999) / 4000 == pytest.approx(0.25, abs=0.04)


@pytest.mark.parametrize("temperature", [0.0, 0.7])
@pytest.mark.parametrize("number", [torch.float32, torch.bfloat16])
def test_the_best_of_a_bfloat16_row_is_found(temperature: float, number: torch.dtype) -> None:
    row = ROW.to(number)
    row[150] = 60.0
    assert sampler(Sampling(temperature)).draw(row).token == 150


@pytest.mark.parametrize("size", [40, 6400, 20_011])
@pytest.mark.parametrize("some", [1, 20, 30])
def test_the_likeliest_are_found_wherever_they_are(size: int, some: int) -> None:
    row = torch.randperm(size, generator=torch.Generator().manual_seed(some)).float()
    tokens = kept(row.numpy(), Sampling(1.0, top_k=some))[1]
    assert torch.equal(torch.as_tensor(tokens), row.argsort(descending=True)[:some])


@pytest.mark.parametrize("asked", [Sampling(0.0), Sampling(1.0), Sampling(1.0, top_k=20), Sampling(1.0, top_p=0.9)])
@pytest.mark.parametrize("wrong", [math.nan, math.inf])
def test_what_is_no_number_is_never_drawn(asked: Sampling, wrong: float) -> None:
    row = torch.zeros(20_000)
    row[19_999] = wrong
    with pytest.raises(ModelError):
        sampler(asked).draw(row)
    with pytest.raises(ModelError):
        sampler(asked).draw(torch.full((20_000,), -math.inf))
