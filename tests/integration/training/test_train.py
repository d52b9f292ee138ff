"""Training, in small: it repeats itself, it learns, it refuses a recipe it does not understand."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from training.embedded.train import (  # noqa: E402
    HERE,
    IGNORED,
    Recipe,
    Stage,
    Stepper,
    batches,
    build_model,
    build_tokenizer,
    rate_at,
    train,
)
from unified_intelligence.embedded.forward import Qwen3Forward  # noqa: E402
from unified_intelligence.embedded.tokens import Tokens  # noqa: E402

TINY = Recipe(
    vocabulary=700, width=64, layers=2, heads=2, head_width=32, mlp_width=64, tokens_per_step=1024,
    tokenizer_samples=60, shuffled=60, threads=1, stages=(Stage(steps=3, warmup_steps=2),),
)  # fmt: skip


@pytest.fixture(autouse=True)
def same_threads() -> object:
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def test_two_runs_give_the_same_weights_which_the_program_reads(tmp_path: Path) -> None:
    for name in ("one", "other"):
        train(TINY, tmp_path / name)
    files = {path.name for path in (tmp_path / "one").iterdir()}
    assert {"model.safetensors", "config.json", "tokenizer.json", "chat_template.jinja", "training.json"} <= files
    for name in ("model.safetensors", "tokenizer.json", "config.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "other" / name).read_bytes()
    model, tokens = Qwen3Forward.load(tmp_path / "one"), Tokens.load(tmp_path / "one")
    logits = model.step(tokens.encode("<|im_start|>user\nhello"), model.new_cache())
    assert logits.shape == (TINY.vocabulary,)
    told = json.loads((tmp_path / "one" / "training.json").read_text(encoding="utf-8"))
    assert told["ran"][0]["steps"] == 3


def test_another_seed_gives_other_weights() -> None:
    one, other = (build_model(replace(TINY, seed=seed), 700, None) for seed in (1, 2))
    assert not torch.equal(one.model.embed_tokens.weight, other.model.embed_tokens.weight)


def test_the_loss_falls() -> None:
    """Where no tool ever fits, there is one thing to say."""
    stage = Stage(steps=30, warmup_steps=3, unseen_share=0.0, none_share=1.0)
    recipe = replace(TINY, stages=(stage,))
    torch.set_num_threads(1)
    tokenizer = build_tokenizer(recipe)
    stepper = Stepper(recipe, stage, build_model(recipe, tokenizer.get_vocab_size(), None))
    losses = [stepper.step(batch) for batch in islice(batches(recipe, 0, tokenizer), stage.steps)]
    assert losses[0] > 2
    assert sum(losses[-5:]) / 5 < 0.2 * losses[0]


def test_only_completions_are_learnt() -> None:
    tokenizer = build_tokenizer(TINY)
    batch = next(batches(TINY, 0, tokenizer))
    learnt = batch.targets[batch.targets != IGNORED].tolist()
    assert learnt.count(tokenizer.token_to_id("<|im_end|>")) == len(batch.tokens)  # one end for each row
    assert tokenizer.token_to_id("<|im_start|>") not in learnt


def test_rates_warm_up_and_fall_to_the_final_one() -> None:
    stage = Stage(steps=100, warmup_steps=10, rate=0.5)
    rates = [rate_at(TINY, stage, step) for step in range(101)]
    assert rates[0] == pytest.approx(0.05)
    assert max(rates) == pytest.approx(0.5)
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[100] == pytest.approx(TINY.final_rate)


def test_the_recipe_is_read_and_a_key_it_does_not_know_is_refused(tmp_path: Path) -> None:
    assert Recipe.read(HERE / "recipe.json").stages
    path = tmp_path / "recipe.json"
    path.write_text(json.dumps({"seed": 2, "muon_rte": 0.1}), encoding="utf-8")
    with pytest.raises(SystemExit, match="muon_rte"):
        Recipe.read(path)
