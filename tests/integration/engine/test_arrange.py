"""Options of loading: what cannot be done here is refused with what to do; what can is done by the real loaders."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import torch

from tests.tiny_qwen3 import build
from unified_intelligence.engine import arrange, load
from unified_intelligence.entities.errors import ConfigurationError

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


def lacks(library: str) -> bool:
    return importlib.util.find_spec(library) is None


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("modèle é"))


def test_attention_is_the_models_own_choice_where_flash_attention_cannot_run() -> None:
    assert arrange.attention("auto", CPU, torch.bfloat16) == {}
    assert arrange.attention("auto", CUDA, torch.float32) == {}
    assert arrange.attention("eager", CPU, torch.float32) == {"attn_implementation": "eager"}
    with pytest.raises(ConfigurationError, match="on CUDA in bfloat16 or float16, not on cpu in bfloat16"):
        arrange.attention("flash_attention_2", CPU, torch.bfloat16)
    with pytest.raises(ConfigurationError, match="not on cuda in float32"):
        arrange.attention("flash_attention_2", CUDA, torch.float32)


@pytest.mark.skipif(not lacks("flash_attn"), reason="flash_attn is installed")
def test_flash_attention_that_is_not_installed_is_named() -> None:
    assert arrange.attention("auto", CUDA, torch.bfloat16) == {}
    with pytest.raises(ConfigurationError, match="flash_attn, which is not installed") as refused:
        arrange.attention("flash_attention_2", CUDA, torch.bfloat16)
    assert refused.value.hint == "pip install flash-attn"


def test_the_attention_that_was_asked_for_is_loaded(folder: Path) -> None:
    model: Any = load.load(folder, dtype="auto", device="cpu", attention="eager").model
    assert model.config._attn_implementation == "eager"
    model = load.load(folder, dtype="auto", device="cpu").model
    assert model.config._attn_implementation == "sdpa"


@pytest.mark.skipif(not lacks("accelerate"), reason="accelerate is installed")
def test_libraries_that_are_not_installed_are_named_before_anything_is_loaded(folder: Path) -> None:
    with pytest.raises(ConfigurationError, match="device_map auto needs the library accelerate") as refused:
        load.load(folder, dtype="auto", device="cpu", device_map="auto")
    assert refused.value.hint == "pip install accelerate"
    with pytest.raises(ConfigurationError, match="bitsandbytes-nf4 needs the library") as refused:
        load.load(folder, dtype="auto", device="cpu", quantization="bitsandbytes-nf4")
    assert refused.value.hint == "pip install bitsandbytes accelerate"


@pytest.mark.skipif(lacks("accelerate"), reason="needs accelerate")
def test_layers_are_spread_by_accelerate(folder: Path) -> None:
    loaded = load.load(folder, dtype="auto", device="cpu", device_map="auto", max_memory="cpu=2GiB")
    assert loaded.model.device == CPU
    assert arrange.devices("auto", "0=20GiB, cpu=1.5 GB") == {
        "device_map": "auto",
        "max_memory": {0: "20GiB", "cpu": "1.5 GB"},
    }
    for wrong in ("", "20GiB", "0=20", "gpu=1GB", "0=1GB;1=2GB"):
        with pytest.raises(ConfigurationError, match="a list such as 0=20GiB"):
            arrange.devices("auto", wrong)


@pytest.mark.skipif(lacks("bitsandbytes") or lacks("accelerate"), reason="needs bitsandbytes and accelerate")
@pytest.mark.parametrize(("name", "kind"), [("bitsandbytes-int8", "Linear8bitLt"), ("bitsandbytes-nf4", "Linear4bit")])
def test_bitsandbytes_quantizes(folder: Path, name: arrange.Quantized, kind: str) -> None:
    loaded = load.load(folder, dtype="bfloat16", device="cpu", quantization=name)
    assert kind in {type(module).__name__ for module in loaded.model.modules()}
    if name == "bitsandbytes-nf4":
        return  # its products on a CPU do not take matrices as narrow as those of the model of the tests
    with torch.inference_mode():
        assert loaded.model(input_ids=torch.tensor([[1, 2, 3]])).logits.isfinite().all()


def test_memory_without_a_map_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="max_memory needs a device_map"):
        arrange.devices(None, "cpu=1GiB")


def test_a_quantization_that_this_machine_lacks_is_refused_before_the_weights_are_read(folder: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"fp8 cannot be used on cpu .* 8\.9 or more"):
        load.load(folder, dtype="bfloat16", device="cpu", quantization="fp8")
    assert load.load(folder, dtype="bfloat16", device="cpu", quantization="int4").is_qwen3


def test_one_model_is_loaded_at_a_time(folder: Path) -> None:
    done: list[load.Loaded] = []
    thread = Thread(target=lambda: done.append(load.load(folder, dtype="auto", device="cpu")))
    with load._ONE_AT_A_TIME:  # pyright: ignore[reportPrivateUsage]
        thread.start()
        thread.join(0.5)
        assert thread.is_alive()
    thread.join(60)
    assert done and done[0].is_qwen3
