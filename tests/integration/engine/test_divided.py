"""A model over two processes of this machine, connected by gloo: what it answers, and how it ends."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import asyncio
import importlib.util
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from typing import Any

import httpx2
import pytest

from tests import tiny_qwen3
from tests.integration.engine.test_greedy import compare, leaves, mixed, read, submit
from tests.integration.serving_guard.guarded_server import CHAT, guarded_server, until
from unified_intelligence.adapters.llm.transformers_adapter import TransformersAdapter
from unified_intelligence.engine.arrange import division
from unified_intelligence.engine.divided import Ranks
from unified_intelligence.engine.rank import Part
from unified_intelligence.entities.errors import ConfigurationError, DeviceLostError, ModelError
from unified_intelligence.entities.generation import GenerationConfig

GREEDY = GenerationConfig(temperature=0.0, max_tokens=24, min_tokens=0, thinking=False)
TEXTS = ["Bonjour,  où est\u2028le café ? ☕", "Zwei\nZeilen", "a", "aaaa " * 90]
divides = pytest.mark.skipif(importlib.util.find_spec("accelerate") is None, reason="needs accelerate")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_qwen3.build(tmp_path_factory.mktemp("model"), heads=(4, 2))


@pytest.fixture
def divided(folder: Path) -> Iterator[TransformersAdapter]:
    adapter = TransformersAdapter(
        model=str(folder), parallel=2, dtype="float32", device="cpu", threads=1, speculation="lookup"
    )
    yield adapter
    adapter.close()


def others(adapter: TransformersAdapter) -> list[int]:
    running: Any = adapter._running
    return [child.pid for child in running.loaded.ranks._children]


def lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


@divides
def test_two_processes_answer_as_one_does_and_end_with_the_model(folder: Path, divided: TransformersAdapter) -> None:
    whole = TransformersAdapter(model=str(folder), dtype="float32", device="cpu", threads=1, engine="transformers")
    engine, model, plans = divided._ready().engine, whole._ready().loaded.model, mixed(Random(7), 16)
    assert "over 2 cpu devices" in divided.explanation
    with ThreadPoolExecutor(len(plans)) as readers:
        come = list(readers.map(read, [submit(engine, plan) for plan in plans], map(leaves, range(len(plans)))))
    compare(model, plans, come)
    assert divided.generate(TEXTS[3], GREEDY).text == whole.generate(TEXTS[3], GREEDY).text
    usage = divided.generate(TEXTS[3], GREEDY).usage
    assert usage is not None
    assert (usage.cached_tokens or 0) > 300
    vectors = [asyncio.run(adapter.aembed(TEXTS)).vectors for adapter in (divided, whole)]
    for one, other in zip(*vectors, strict=True):
        assert one == pytest.approx(other, abs=1e-5)
    children = others(divided)
    assert len(children) == 1
    assert all(os.getpgid(child) == child for child in children)
    divided.close()
    assert not any(map(lives, children))
    whole.close()


@divides
def test_a_process_that_dies_ends_the_answer_and_the_server_is_not_ready(divided: TransformersAdapter) -> None:
    asyncio.run(divided.aload())
    with guarded_server(divided) as served:
        assert until(lambda: httpx2.get(served.url + "/ready").status_code == 200)
        children = others(divided)
        asked = {
            "model": served.service.model, "messages": [{"role": "user", "content": TEXTS[0]}], "stream": True,
            "max_tokens": 3000, "min_tokens": 3000, "temperature": 0,
        }  # fmt: skip
        with httpx2.stream("POST", served.url + CHAT, json=asked, timeout=20) as response:
            lines = response.iter_lines()
            assert next(lines).startswith("data: ")
            os.kill(children[0], signal.SIGKILL)
            told = "".join(lines)
        assert '"device_lost"' in told
        ready = httpx2.get(served.url + "/ready")
        assert (ready.status_code, ready.json()["error"]["code"]) == (503, "failed")
        with pytest.raises(DeviceLostError, match="process 2 of 2 ended with status -9"):
            divided.generate("Encore ?", GREEDY)
    assert not any(map(lives, children))


def test_a_process_ends_with_its_parent_whatever_it_does(folder: Path) -> None:
    command = [sys.executable, "-m", "unified_intelligence.engine.rank"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        pickle.dump(Part(folder, "float32", "cpu", "auto", code=False, parallel=2, rank=1), process.stdin)
        process.stdin.close()  # as the kernel does when the parent is killed
        assert process.wait(30) == 0


@divides
def test_a_process_that_cannot_load_is_told(tmp_path: Path) -> None:
    ranks = Ranks(Part(tmp_path / "köln", "float32", "cpu", "auto", code=False, parallel=2))
    try:
        with pytest.raises(ModelError, match=r"process 2 of 2 ended with status 1: .*köln.* cannot be read"):
            ranks.start("cpu")
    finally:
        ranks.close()


@divides
def test_a_model_whose_heads_cannot_be_shared_out_is_refused(folder: Path) -> None:
    adapter = TransformersAdapter(model=str(folder), parallel=3, device="cpu")
    with pytest.raises(ConfigurationError, match="cannot be divided by 3: num_attention_heads is 4"):
        adapter.generate("Bonjour")


@divides
@pytest.mark.parametrize(
    ("changed", "place", "words"),
    [
        ({"base_model_tp_plan": None}, "cpu", "Transformers has no plan for qwen3"),
        ({"quantization_config": {"bits": 4}}, "cpu", "its weights are quantized already"),
        ({"num_key_value_heads": 1}, "cpu", "num_key_value_heads is 1"),
        ({}, "meta", "over devices of the kind .*, not over meta"),
    ],
)
def test_what_cannot_be_divided_is_refused_before_a_process_is_started(
    changed: dict[str, Any], place: str, words: str
) -> None:
    import torch
    from transformers import Qwen3Config

    config: Any = Qwen3Config(num_attention_heads=4, num_key_value_heads=2)
    for name, value in changed.items():
        setattr(config, name, value)
    with pytest.raises(ConfigurationError, match=words):
        division(2, torch.device(place), config)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("quantization", "int8"), ("engine", "fused"), ("draft", "köln"), ("device_map", "auto"),
        ("max_memory", "cpu=1GB"), ("adapters", {"fr": "köln"}),
    ],
)  # fmt: skip
def test_what_a_divided_model_does_not_know_is_refused(folder: Path, option: str, value: Any) -> None:
    with pytest.raises(ConfigurationError, match=f"divided over 2 devices .* without {option}") as refused:
        TransformersAdapter(model=str(folder), parallel=2, **{option: value})
    assert refused.value.hint.startswith("Leave out parallel, or")
    with pytest.raises(ConfigurationError, match="1 or more, not 0"):
        TransformersAdapter(model=str(folder), parallel=0)
