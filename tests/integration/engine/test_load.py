"""Folders and Hub ids that must be refused, each with what to do about it."""

import importlib
import json
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.tiny_qwen3 import build
from unified_intelligence.engine import load, trust
from unified_intelligence.entities.errors import ConfigurationError, ModelError, ModelNotFoundError


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("sound"))


@pytest.fixture
def folder(sound: Path, tmp_path: Path) -> Path:
    return shutil.copytree(sound, tmp_path / "modèle é")


def open_folder(folder: Path) -> load.Loaded:
    trust.check_code(folder)
    load.check_weights(folder)
    return load.load(folder, dtype="auto", device="cpu")


def change(path: Path, **fields: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


def rewrite_weights(folder: Path, keep: Callable[[str], bool], name: str = "model.safetensors") -> None:
    library: Any = importlib.import_module("safetensors.torch")
    tensors = library.load_file(folder / "model.safetensors")
    library.save_file({key: tensor for key, tensor in tensors.items() if keep(key)}, folder / name, {"format": "pt"})


def test_a_sound_folder_loads(folder: Path) -> None:
    loaded = open_folder(folder)
    assert loaded.is_qwen3
    assert loaded.longest == 4096
    assert loaded.tokenizer.convert_ids_to_tokens(sorted(loaded.ends)) == ["<|endoftext|>", "<|im_end|>"]


@pytest.mark.parametrize(("name", "fields", "key"), [
    ("config.json", {"auto_map": {"AutoModelForCausalLM": "evil.Model"}}, "auto_map"),
    ("config.json", {"text_config": {"auto_map": {"AutoConfig": "other/repo--evil.Config"}}}, "auto_map"),
    ("config.json", {"attn_implementation": "someone/kernel"}, "attn_implementation"),
    ("config.json", {"_attn_implementation": {"text_config": "someone/kernel:f"}}, "_attn_implementation"),
    ("tokenizer_config.json", {"auto_map": {"AutoTokenizer": ["evil.Tokenizer", None]}}, "auto_map"),
])  # fmt: skip
def test_code_of_a_model_is_never_run(folder: Path, name: str, fields: dict[str, Any], key: str) -> None:
    (folder / "evil.py").write_text(f"open({str(folder / 'ran')!r}, 'w')\nclass Model: ...\n")
    change(folder / name, **fields)
    with pytest.raises(ConfigurationError, match=rf"{name} .*\({key}\)"):
        open_folder(folder)
    assert not (folder / "ran").exists()


def truncated(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


def lengthened(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes() + b"\0" * 8)


def huge_header(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", 2**60) + b"{}")


def empty(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"")


@pytest.mark.parametrize("damage", [truncated, lengthened, huge_header, empty])
def test_damaged_weights_are_found_before_loading(folder: Path, damage: Callable[[Path], None]) -> None:
    damage(folder)
    with pytest.raises(ModelError, match="damaged") as refused:
        load.check_weights(folder)
    assert "again" in refused.value.hint


def test_pickles_are_not_read(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(ModelNotFoundError, match=r"lacks the weights model\.safetensors") as refused:
        open_folder(folder)
    assert "safetensors" in refused.value.hint


def test_a_missing_part_is_named(folder: Path) -> None:
    rewrite_weights(folder, lambda key: "layers.0" in key, "a.safetensors")
    (folder / "model.safetensors").unlink()
    index = {"metadata": {}, "weight_map": {"x": "a.safetensors", "y": "b.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(ModelNotFoundError, match=r"lacks the weights b\.safetensors"):
        open_folder(folder)


@pytest.mark.parametrize("index", [
    {}, {"weight_map": {}}, {"weight_map": []},
    {"weight_map": {"x": "../a.safetensors"}}, {"weight_map": {"x": "a.bin"}},
])  # fmt: skip
def test_an_index_names_safetensors_of_its_own_folder(folder: Path, index: dict[str, Any]) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(ModelError, match="names no weights"):
        load.check_weights(folder)


def test_of_an_index_and_a_single_file_the_one_that_is_loaded_is_checked(folder: Path) -> None:
    shutil.copy(folder / "model.safetensors", folder / "a.safetensors")
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"x": "a.safetensors"}}))
    truncated(folder)
    with pytest.raises(ModelError, match=r"model\.safetensors is damaged"):
        load.check_weights(folder)


def test_a_missing_tensor_is_not_made_up(folder: Path) -> None:
    rewrite_weights(folder, lambda key: key != "lm_head.weight")
    with pytest.raises(ModelError, match="lm_head"):
        open_folder(folder)


@pytest.mark.parametrize(("name", "text", "error"), [
    ("config.json", "{", "not JSON"), ("config.json", "[]", "not a JSON object"),
    ("config.json", '{"model_type": "nobody_knows"}', "could not be loaded"),
    ("tokenizer.json", "{", "could not be loaded"), ("config.json", "[" * 200_000, "not JSON"),
    ("generation_config.json", '{"eos_token_id": "x"}', "eos_token_id x, which is no token"),
    ("generation_config.json", '{"eos_token_id": [[1]]}', "which is no token"),
    ("generation_config.json", '{"do_sample": true, "top_p": 2.0}', r"generation_config\.json .* top_p"),
    ("generation_config.json", '{"repetition_penalty": "x"}', r"generation_config\.json .* cannot be used"),
])  # fmt: skip
def test_a_damaged_file_is_a_model_error(folder: Path, name: str, text: str, error: str) -> None:
    (folder / name).write_text(text)
    with pytest.raises(ModelError, match=error):
        open_folder(folder)


def test_a_configuration_that_contradicts_itself_is_a_model_error(folder: Path) -> None:
    change(folder / "config.json", num_hidden_layers=3)
    with pytest.raises(ModelError, match=r"could not be loaded: .*num_hidden_layers"):
        open_folder(folder)


def test_an_adapter_alone_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text("{}")
    with pytest.raises(ModelNotFoundError, match="adapter") as refused:
        trust.check_code(tmp_path)
    assert "-o adapters" in refused.value.hint


@pytest.mark.parametrize("model", ["", "nowhere", "./nowhere/at", "/no/where", "~/no_such_model", "a/b/c", "owner/"])
def test_a_path_that_is_no_folder_is_not_found(model: str) -> None:
    with pytest.raises(ModelNotFoundError, match="no folder") as refused:
        load.local_folder(model)
    assert "Hub id" in refused.value.hint


def test_a_file_is_not_a_folder(folder: Path) -> None:
    with pytest.raises(ModelNotFoundError, match="is a file"):
        load.local_folder(str(folder / "config.json"))
    assert load.local_folder(str(folder)) == folder
    assert load.local_folder("owner/name") is None


@pytest.mark.parametrize(("model", "words"), [("owner/name", "not in the cache"), ("owner/na me", "neither a folder")])
@pytest.mark.parametrize("offline", [True, False])
def test_a_hub_model_that_cannot_be_had_says_so(model: str, words: str, offline: bool, tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError, match=words) as refused:
        load.download(model, revision=None, cache_dir=str(tmp_path), offline=offline)
    assert refused.value.hint


def test_a_hub_model_in_the_cache_is_used_offline(sound: Path, tmp_path: Path) -> None:
    commit = "0123456789" * 4
    cached = tmp_path / "models--owner--name"
    shutil.copytree(sound, cached / "snapshots" / commit)
    (cached / "refs").mkdir()
    (cached / "refs/main").write_text(commit)
    folder = load.download("owner/name", revision=None, cache_dir=str(tmp_path), offline=True)
    assert folder == cached / "snapshots" / commit
    assert open_folder(folder).is_qwen3
    change(folder / "config.json", auto_map={"AutoModelForCausalLM": "evil.Model"})
    with pytest.raises(ConfigurationError, match="auto_map"):
        load.download("owner/name", revision=None, cache_dir=str(tmp_path), offline=True)
