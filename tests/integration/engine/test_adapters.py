"""Answers of a model and of two adapters in the same steps, beside those of `generate` on merged weights."""

from __future__ import annotations

import copy
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from tests.integration.engine.test_greedy import answers, by_generate, leaves, mixed, read, running, submit
from tests.integration.engine.tiny_adapters import merged, write
from tests.integration.engine.tiny_models import LONGEST, VOCABULARY, tiny
from unified_intelligence.engine import lora
from unified_intelligence.engine.adapted import Adapters
from unified_intelligence.engine.decode import Plan
from unified_intelligence.engine.forward import Forward
from unified_intelligence.engine.fused import FusedForward
from unified_intelligence.engine.plain import PlainForward
from unified_intelligence.profiles.sampling import Sampling

NAMES = ("", "fr", "sql")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The model, and what it is with each adapter merged; `folders` is where the adapters are."""
    model, folder = tiny("Qwen3"), tmp_path_factory.mktemp("adapters")
    folders = {
        "fr": write(folder / "fr", model, targets=("q_proj", "v_proj", "o_proj"), seed=2),
        "sql": write(folder / "sql", model, rank=5, seed=3, use_rslora=True),
    }
    return {"": model, **{name: merged(model, where) for name, where in folders.items()}, "folders": folders}


def forward_of(models: dict[str, Any], kind: type[FusedForward | PlainForward]) -> Forward:
    own = copy.deepcopy(models[""])
    adapters = Adapters(own, [lora.read(name, folder, own) for name, folder in models["folders"].items()])
    return (
        FusedForward(own, longest=LONGEST, adapters=adapters) if kind is FusedForward else PlainForward(own, adapters)
    )


@pytest.mark.parametrize(("kind", "count"), [(FusedForward, 150), (PlainForward, 40)])
def test_a_busy_batch_of_three_answers_as_their_merged_models(
    models: dict[str, Any], kind: type[FusedForward | PlainForward], count: int
) -> None:
    greedy = [plan for plan in mixed(Random(5), 2 * count) if not plan.sampling.temperature][:count]
    plans = [replace(plan, adapter=NAMES[number % 3]) for number, plan in enumerate(greedy)]
    come = answers(forward_of(models, kind), plans, slots=5, memory=900, leaving=leaves)
    for number, (plan, (tokens, complete)) in enumerate(zip(plans, come, strict=True)):
        expected, ends = by_generate(models[plan.adapter], plan)
        if (most := leaves(number)) is not None:
            expected, ends = expected[:most], ends and len(expected) < most
        assert (number, tokens, complete) == (number, expected, ends)


def test_what_one_has_read_is_never_given_to_another(models: dict[str, Any]) -> None:
    """The same conversation by each in turn, one after the other and at once: a shared slot would answer alike."""
    prompt = [Random(1).randrange(VOCABULARY) for _ in range(200)]
    plan = Plan(prompt, 12, frozenset(), Sampling(0.0), None)
    plans = [replace(plan, adapter=name) for name in NAMES]
    expected = [by_generate(models[each.adapter], each) for each in plans]
    assert len({tuple(tokens) for tokens, _ in expected}) == 3
    with running(forward_of(models, FusedForward), slots=4, memory=4 * 300) as engine:
        for each, (tokens, _) in zip(plans, expected, strict=True):
            ticket = submit(engine, each)
            assert read(ticket)[0] == tokens
            assert ticket.cached == 0
        for each, (tokens, _) in zip(plans, expected, strict=True):
            ticket = submit(engine, each)
            assert read(ticket)[0] == tokens
            assert ticket.cached == 199
    with running(forward_of(models, FusedForward), slots=6, memory=6 * 300) as engine, ThreadPoolExecutor(6) as readers:
        tickets = [submit(engine, each) for each in [*plans, *plans]]
        assert [tokens for tokens, _ in readers.map(read, tickets)] == [tokens for tokens, _ in [*expected, *expected]]
        assert [ticket.cached for ticket in tickets[:3]] == [0, 0, 0]
