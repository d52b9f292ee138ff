"""What the files of sentence-transformers beside a model say of its vectors, and what of it is refused."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from unified_intelligence.engine.recipe import Dense, Recipe
from unified_intelligence.engine.recipe_files import files_of, read
from unified_intelligence.entities.errors import ConfigurationError, ModelError, UnifiedIntelligenceError

OWN = "sentence_transformers.models."
NEWER = "sentence_transformers.base.modules.transformer."
MODULES: list[dict[str, object]] = [
    {"idx": 0, "name": "0", "path": "", "type": f"{OWN}Transformer"},
    {"idx": 1, "name": "1", "path": "1_Pooling", "type": f"{OWN}Pooling"},
    {"idx": 2, "name": "2", "path": "2_Dense", "type": f"{OWN}Dense"},
    {"idx": 3, "name": "3", "path": "3_Dropout", "type": f"{OWN}Dropout"},
    {"idx": 4, "name": "4", "path": "4_Normalize", "type": f"{OWN}Normalize"},
]
POOLING: dict[str, object] = {
    "word_embedding_dimension": 6, "pooling_mode_cls_token": False, "pooling_mode_mean_tokens": False,
    "pooling_mode_max_tokens": False, "pooling_mode_mean_sqrt_len_tokens": False,
    "pooling_mode_weightedmean_tokens": False, "pooling_mode_lasttoken": True, "include_prompt": True,
}  # fmt: skip
DENSE: dict[str, object] = {
    "in_features": 6, "out_features": 4, "bias": True, "activation_function": "torch.nn.modules.activation.Tanh",
}  # fmt: skip


def put(path: Path, value: object) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(value))


def put_weights(folder: Path, shape: tuple[int, ...] = (4, 6), **more: Any) -> None:
    library: Any = importlib.import_module("safetensors.numpy")
    tensors = {"linear.weight": np.zeros(shape, np.float32), "linear.bias": np.zeros(4, np.float32)}
    library.save_file(tensors | more, folder / "2_Dense" / "model.safetensors")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    put(tmp_path / "config.json", {"model_type": "qwen3"})
    put(tmp_path / "modules.json", MODULES)
    put(tmp_path / "1_Pooling" / "config.json", POOLING)
    put(tmp_path / "2_Dense" / "config.json", DENSE)
    put_weights(tmp_path)
    return tmp_path


def test_the_files_are_read_in_their_order(folder: Path) -> None:
    put(
        folder / "config_sentence_transformers.json",
        {"prompts": {"query": "Frage: ", "document": None}, "default_prompt_name": "query", "truncate_dim": 3},
    )
    put(folder / "sentence_bert_config.json", {"max_seq_length": 512, "do_lower_case": True})
    dense = Dense(folder / "2_Dense" / "model.safetensors", 6, 4, bias=True, activation="Tanh", residual=False)
    assert read(folder) == Recipe(
        ("lasttoken",), (dense, None), own=True, prompts={"query": "Frage: ", "document": ""}, prompt="Frage: ",
        longest=512, lower=True, inputs=6, size=4, cut=3, sizes=None,
    )  # fmt: skip
    assert read(folder).said == (
        "vectors: the model's own, the last token's state, a layer of 4, brought to length one, cut to 3"
    )
    assert files_of(folder) == [
        f"{path}/{name}"
        for path in ("1_Pooling", "2_Dense", "3_Dropout", "4_Normalize")
        for name in ("config.json", "model.safetensors")
    ]


def test_without_them_it_is_the_mean(folder: Path) -> None:
    (folder / "modules.json").unlink()
    assert read(folder) == Recipe()
    assert "the mean of the last states" in read(folder).said
    assert files_of(folder) == []
    put(folder / "config.json", {"matryoshka_dimensions": [2, 3], "is_matryoshka": True})
    assert read(folder).sizes == {2, 3}


def test_older_and_newer_names_mean_the_same(folder: Path) -> None:
    older = read(folder)
    put(folder / "1_Pooling" / "config.json", {"embedding_dimension": 6, "pooling_mode": "lasttoken"})
    put(folder / "modules.json", [{"path": "", "type": f"{NEWER}Transformer"}, *MODULES[1:]])
    way = {"method": "forward", "method_output_name": "last_hidden_state"}
    put(
        folder / "sentence_bert_config.json",
        {
            "transformer_task": "feature-extraction", "modality_config": {"text": way},
            "module_output_name": "token_embeddings",
        },
    )  # fmt: skip
    assert read(folder) == older
    put(folder / "1_Pooling" / "config.json", {"word_embedding_dimension": 6})
    assert read(folder).poolings == ("mean",)


def _setting(path: str, **fields: object) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        where = folder / path
        before: dict[str, object] = json.loads(where.read_text()) if where.is_file() else {}
        put(where, before | fields)

    return change


def _put(path: str, value: object) -> Callable[[Path], None]:
    return lambda folder: put(folder / path, value)


def _without(path: str) -> Callable[[Path], None]:
    return lambda folder: (folder / path).unlink()


def _written(path: str, contents: bytes) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        (folder / path).write_bytes(contents)

    return change


def _weights(*shape: int, **more: Any) -> Callable[[Path], None]:
    return lambda folder: put_weights(folder, shape or (4, 6), **more)


def _modules(*modules: object) -> Callable[[Path], None]:
    return _put("modules.json", list(modules))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_modules(*MODULES[:2], {"path": "2_LSTM", "type": f"{OWN}LSTM"}), "module sentence_transformers.models.LSTM"),
        (_modules({"path": "", "type": "custom_st.Transformer"}, MODULES[1]), "module custom_st.Transformer"),
        (_modules(MODULES[0]), "begins with Transformer,"),
        (_modules(), "begins with nothing"),
        (_modules(MODULES[0], MODULES[4], MODULES[1]), "begins with Transformer and Normalize"),
        (_modules(*MODULES[:2], MODULES[1]), "a further module Pooling"),
        (_modules(MODULES[0], MODULES[1] | {"kwargs": ["task"]}), "models.Pooling"),
        (_modules(MODULES[0] | {"path": "0_Transformer"}, MODULES[1]), "in '0_Transformer'"),
        (_modules(MODULES[0], MODULES[1] | {"path": "../1_Pooling"}), "in '../1_Pooling'"),
        (_modules(MODULES[0], MODULES[1] | {"path": ".."}), "in '..'"),
        (_setting("1_Pooling/config.json", pooling_mode="attention"), "the pooling attention"),
        (_setting("1_Pooling/config.json", pooling_mode=[]), r"the pooling \[\]"),
        (_setting("1_Pooling/config.json", pooling_mode_new=True), "pooling_mode_new to True"),
        (_setting("2_Dense/config.json", activation_function="os.system"), "the activation os.system"),
        (_setting("2_Dense/config.json", activation_function="torch.nn.Softmax"), "the activation torch.nn.Softmax"),
        (_setting("2_Dense/config.json", module_input_name="token_embeddings"), "module_input_name to token_emb"),
        (_setting("4_Normalize/config.json", module_output_name="other"), "module_output_name to other"),
        (_setting("sentence_bert_config.json", transformer_task="fill-mask"), "transformer_task to fill-mask"),
        (
            _setting("sentence_bert_config.json", modality_config={"message": {"method": "forward"}}),
            "texts read as message",
        ),
        (_setting("config_sentence_transformers.json", model_type="SparseEncoder"), "is of a SparseEncoder"),
    ],
)
def test_what_is_not_done_here_is_refused(folder: Path, change: Callable[[Path], None], said: str) -> None:
    change(folder)
    with pytest.raises(ConfigurationError, match=said) as refused:
        read(folder)
    assert "without modules.json" in refused.value.hint


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_written("modules.json", b"{"), "is not JSON"),
        (_put("modules.json", {}), "no.* JSON array"),
        (_modules("Transformer"), "holds what is no module"),
        (_without("1_Pooling/config.json"), "1_Pooling lacks config.json"),
        (_setting("1_Pooling/config.json", word_embedding_dimension=0), "word_embedding_dimension as 0"),
        (_setting("1_Pooling/config.json", word_embedding_dimension=7), "is for 6 numbers, and 7 come"),
        (_setting("2_Dense/config.json", out_features="4"), "out_features as 4"),
        (_without("2_Dense/model.safetensors"), "lacks the weights"),
        (_written("2_Dense/model.safetensors", b"\x08" * 40), "is damaged"),
        (_weights(6, 4), r"\(6, 4\)"),
        (_weights(more=np.zeros(1, np.float32)), "more"),
        (_setting("config_sentence_transformers.json", prompts=["query: "]), "no texts by name"),
        (_setting("config_sentence_transformers.json", prompts={"query": 1}), "no texts by name"),
        (_setting("config_sentence_transformers.json", default_prompt_name="query"), "the prompt query"),
        (_setting("config_sentence_transformers.json", truncate_dim=9), "cuts vectors of 4 to 9"),
        (_setting("sentence_bert_config.json", max_seq_length="512"), "max_seq_length as 512"),
        (_setting("config.json", matryoshka_dimensions=[0]), "are no sizes"),
    ],
)
def test_what_is_damaged_is_said(folder: Path, change: Callable[[Path], None], said: str) -> None:
    change(folder)
    with pytest.raises(UnifiedIntelligenceError, match=said) as refused:
        read(folder)
    assert isinstance(refused.value, ModelError) or refused.value.code == "model_not_found"
