"""The vectors of models made for embeddings: as Transformers alone and sentence-transformers compute them."""

from __future__ import annotations

import asyncio
import importlib
import math
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.integration.engine.vector_models import (
    ASK,
    SIZE,
    TEXTS,
    change,
    dense,
    states,
    vector_model,
    with_modules,
)
from unified_intelligence.adapters.llm.transformers_adapter import TransformersAdapter
from unified_intelligence.entities.errors import ConfigurationError, ContextLengthError, InvalidRequestError, ModelError

Pool = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
_PLACES = {"module_input_name": "sentence_embedding", "module_output_name": "sentence_embedding"}
GELU: dict[str, object] = {
    "in_features": SIZE, "out_features": 12, "bias": True,
    "activation_function": "torch.nn.modules.activation.GELU", **_PLACES,
}  # fmt: skip
RESIDUAL: dict[str, object] = {"in_features": 12, "out_features": 20, "bias": False, "use_residual": True}


def _last(x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    return x[torch.arange(len(x)), mask[:, :, 0].sum(1).long() - 1]


def _unit(x: torch.Tensor) -> torch.Tensor:
    return x / x.square().sum(1, keepdim=True).sqrt()


def _weighted(x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    weights = mask * torch.arange(1, x.shape[1] + 1)[None, :, None]
    return (x * weights).sum(1) / weights.sum(1)


POOLED: Mapping[str, Pool] = {  # padded on the right
    "cls_token": lambda x, _: x[:, 0],
    "max_tokens": lambda x, mask: x.masked_fill(mask == 0, -math.inf).max(1).values,
    "mean_tokens": lambda x, mask: (x * mask).sum(1) / mask.sum(1),
    "mean_sqrt_len_tokens": lambda x, mask: (x * mask).sum(1) / mask.sum(1).sqrt(),
    "weightedmean_tokens": _weighted,
    "lasttoken": _last,
}
NEWER = {"cls_token": "cls", "max_tokens": "max", "mean_tokens": "mean", "weightedmean_tokens": "weightedmean"}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return vector_model(tmp_path_factory.mktemp("vectors") / "le modèle")


def vectors(folder: Path, texts: Sequence[str] = TEXTS, *, engine: Any = "auto", **asked: Any) -> torch.Tensor:
    with closing(TransformersAdapter(model=str(folder), threads=1, engine=engine)) as adapter:
        return torch.tensor(asyncio.run(adapter.aembed(list(texts), **asked)).vectors)


def check_same(got: torch.Tensor, expected: torch.Tensor) -> None:
    torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-5 * float(expected.abs().max()))


@pytest.mark.parametrize("mode", POOLED)
@pytest.mark.parametrize("names", ["older", "newer"])
def test_each_pooling_is_as_transformers_has_it(base: Path, tmp_path: Path, mode: str, names: str) -> None:
    told: dict[str, object] = {f"pooling_mode_{each}": each == mode for each in POOLED}
    told = told if names == "older" else {"pooling_mode": NEWER.get(mode, mode)}
    folder = with_modules(base, tmp_path / "own", told)
    check_same(vectors(folder), POOLED[mode](*states(folder, TEXTS)))


def test_several_poolings_and_layers_come_one_after_the_other(base: Path, tmp_path: Path) -> None:
    told: dict[str, object] = {"pooling_mode": ["lasttoken", "mean"], "include_prompt": True}
    folder = with_modules(base, tmp_path / "own", told, GELU | {"in_features": 2 * SIZE}, None)
    x = torch.cat([POOLED[mode](*states(folder, TEXTS)) for mode in ("lasttoken", "mean_tokens")], 1)
    x = dense(folder / "2_Dense", x, torch.nn.functional.gelu)
    check_same(vectors(folder), _unit(x))


@pytest.mark.parametrize("engine", ["fused", "transformers"])
def test_a_text_has_the_same_vector_whatever_is_beside_it(base: Path, tmp_path: Path, engine: str) -> None:
    folder = with_modules(base, tmp_path / "own", {"pooling_mode": "lasttoken"}, GELU, RESIDUAL, None)
    with closing(TransformersAdapter(model=str(folder), threads=1, engine=engine)) as adapter:  # pyright: ignore[reportArgumentType]
        together = asyncio.run(adapter.aembed(TEXTS))
        for text, vector in zip(TEXTS, together.vectors, strict=True):
            assert vector == pytest.approx(asyncio.run(adapter.aembed([text])).vectors[0], abs=1e-5)
        assert "the model's own, the last token's state, a layer of 12, a layer of 20" in adapter.explanation
        assert together.prompt_tokens == sum(len(text.encode()) + 1 for text in TEXTS)
    x = dense(folder / "2_Dense", _last(*states(folder, TEXTS)), torch.nn.functional.gelu)
    library: Any = importlib.import_module("safetensors.torch")
    through = library.load_file(folder / "3_Dense" / "model.safetensors")["residual.weight"]
    x = dense(folder / "3_Dense", x, torch.tanh) + x @ through.T
    check_same(torch.tensor(together.vectors), _unit(x))


def test_prompts_go_before_a_text_and_may_be_left_out_of_its_vector(base: Path, tmp_path: Path) -> None:
    prompts: dict[str, object] = {"prompts": {"query": ASK, "document": ""}}
    whole = with_modules(base, tmp_path / "whole", {"pooling_mode": "mean"}, settings=prompts)
    x, mask = states(whole, [ASK + text for text in TEXTS])
    check_same(vectors(whole, prompt_name="query"), (x * mask).sum(1) / mask.sum(1))
    check_same(vectors(whole, prompt_name="document"), vectors(whole))
    check_same(vectors(whole, [ASK + text for text in TEXTS]), vectors(whole, prompt_name="query"))
    settings = prompts | {"default_prompt_name": "query"}
    apart: dict[str, object] = {"pooling_mode": ["mean", "weightedmean"], "include_prompt": False}
    without = with_modules(base, tmp_path / "without", apart, settings=settings)
    kept = mask.clone()
    kept[:, : len(ASK.encode())] = 0
    weights = kept * torch.arange(1, x.shape[1] + 1)[None, :, None]
    expected = torch.cat([(x * each).sum(1) / each.sum(1) for each in (kept, weights)], 1)
    check_same(vectors(without), expected)
    plain, mask = states(without, TEXTS)
    check_same(vectors(without, prompt_name="")[:, :SIZE], POOLED["mean_tokens"](plain, mask))
    with pytest.raises(InvalidRequestError, match=r"no prompt 'passage' .* it has: document, query"):
        vectors(without, prompt_name="passage")


def test_small_letters_and_the_longest_text_are_the_models(base: Path, tmp_path: Path) -> None:
    reading = {"do_lower_case": True, "max_seq_length": 20}
    folder = with_modules(base, tmp_path / "own", {"pooling_mode": "cls"}, None, reading=reading)
    check_same(vectors(folder, ["ÀÉ Çà"]), vectors(folder, ["àé çà"]))
    vectors(folder, ["b" * 19])
    with pytest.raises(ContextLengthError, match="21"):
        vectors(folder, ["a", "b" * 20])


def test_vectors_are_cut_only_where_the_model_says_so(base: Path, tmp_path: Path) -> None:
    own = with_modules(base, tmp_path / "own", {"pooling_mode": "lasttoken"}, None)
    whole = vectors(own)
    for wanted, said in ((32, "does not say"), (SIZE + 1, "there are no more")):
        with pytest.raises(InvalidRequestError, match=f"{SIZE} dimensions, not {wanted}, .*{said}"):
            vectors(own, dimensions=wanted)
    change(own / "config.json", is_matryoshka=True)
    cut = whole[:, :32]
    check_same(vectors(own, dimensions=32), _unit(cut))
    check_same(vectors(own, dimensions=SIZE), whole)
    change(own / "config.json", matryoshka_dimensions=[32, 64])
    check_same(vectors(own, dimensions=32), _unit(cut))
    with pytest.raises(InvalidRequestError, match="may be cut to 32, 64"):
        vectors(own, dimensions=33)
    unbound = with_modules(base, tmp_path / "unbound", {"pooling_mode": "mean"}, settings={"truncate_dim": 16})
    x = POOLED["mean_tokens"](*states(unbound, TEXTS))
    check_same(vectors(unbound), x[:, :16])
    check_same(vectors(unbound, dimensions=40), x[:, :40])


def test_a_model_without_modules_has_to_be_whole(base: Path) -> None:
    with (
        closing(TransformersAdapter(model=str(base), threads=1)) as adapter,
        pytest.raises(ModelError, match="lm_head"),
    ):
        asyncio.run(adapter.aload())


def test_a_model_that_reads_both_ways_is_not_run_by_a_pass_that_reads_one_way(base: Path, tmp_path: Path) -> None:
    folder = with_modules(base, tmp_path / "own", {"pooling_mode": "cls"})
    one_way = vectors(folder)
    change(folder / "config.json", is_causal=False)
    check_same(vectors(folder), states(folder, TEXTS)[0][:, 0])
    assert float((vectors(folder) - one_way).abs().max()) > 0.01


def test_what_makes_vectors_only_writes_no_text(base: Path, tmp_path: Path) -> None:
    folder = with_modules(base, tmp_path / "own", {"pooling_mode": "lasttoken"}, None)
    with (
        closing(TransformersAdapter(model=str(folder), threads=1)) as adapter,
        pytest.raises(InvalidRequestError, match="no weights that choose a token") as refused,
    ):
        adapter.generate("Ça va ?")
    assert "embeddings" in refused.value.hint


def test_an_encoder_is_refused_as_one(base: Path, tmp_path: Path) -> None:
    folder = with_modules(base, tmp_path / "own", {"pooling_mode": "cls"})
    library: Any = importlib.import_module("transformers")
    sizes = {"hidden_size": SIZE, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    library.BertModel(library.BertConfig(vocab_size=300, **sizes)).save_pretrained(folder)
    with pytest.raises(ConfigurationError, match=r"is an encoder \(bert\)"):
        vectors(folder)


def test_they_are_those_of_sentence_transformers(base: Path, tmp_path: Path) -> None:
    library: Any = pytest.importorskip("sentence_transformers")
    settings = {"prompts": {"query": ASK, "document": ""}, "default_prompt_name": "query"}
    told = {f"pooling_mode_{mode}": True for mode in POOLED} | {"include_prompt": False}
    wide = GELU | {"in_features": len(POOLED) * SIZE}
    lower = {"do_lower_case": True}
    folder = with_modules(base, tmp_path / "own", told, wide, RESIDUAL, None, settings=settings, reading=lower)
    theirs = library.SentenceTransformer(str(folder), device="cpu")
    for name in (None, "query", "document"):
        check_same(vectors(folder, prompt_name=name), torch.tensor(theirs.encode(TEXTS, prompt_name=name)))
    shutil.rmtree(folder)
