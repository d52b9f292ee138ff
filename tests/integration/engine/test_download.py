"""A model, its adapter and its code from a Hub on loopback, into a cache, and what is said of it meanwhile."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import shutil
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoModelForCausalLM

from tests.hub_server import Hub, serving
from tests.integration.engine.test_trust import AUTO_MAP, CODE
from tests.integration.engine.tiny_adapters import write
from tests.integration.engine.vector_models import SIZE, with_modules
from tests.tiny_qwen3 import build

LIBRARY: Any = AutoModelForCausalLM  # half typed
DENSE = {"in_features": SIZE, "out_features": 7, "bias": False, "activation_function": "torch.nn.Identity"}
PROGRAM = """
import json, sys
from unified_intelligence.adapters.llm.transformers_adapter import TransformersAdapter
from unified_intelligence.entities.errors import UnifiedIntelligenceError
from unified_intelligence.entities.generation import GenerationConfig
options = json.loads(sys.argv[1])
try:
    adapter = TransformersAdapter(threads=1, **options)
    answer = adapter.generate("Ça va ?", GenerationConfig(max_tokens=5, temperature=0.0))
    print(json.dumps({"tokens": answer.usage.completion_tokens, "how": adapter.explanation}))
    adapter.close()
except UnifiedIntelligenceError as error:
    print(json.dumps({"error": type(error).__name__, "said": error.message, "hint": error.hint}))
"""


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    where = tmp_path_factory.mktemp("hub")
    plain = build(where / "plain")
    lora = write(where / "lora", LIBRARY.from_pretrained(plain))
    with_code = shutil.copytree(plain, where / "code")
    (with_code / "own.py").write_text(CODE.format(canary=str(where / "ran")))
    config = with_code / "config.json"
    told = json.loads(config.read_text()) | {"auto_map": AUTO_MAP, "model_type": "own_qwen3"}
    config.write_text(json.dumps(told))
    vectors = with_modules(plain, where / "vectors", {"pooling_mode": "lasttoken"}, DENSE, None)
    (vectors / "onnx").mkdir()
    shutil.copy(vectors / "config.json", vectors / "onnx")
    folders = {"plain": plain, "lora": lora, "code": with_code, "vectors": vectors}
    with serving({f"owner/{name}": folder for name, folder in folders.items()}) as hub:
        yield hub


def environment(hub: Hub, home: Path) -> dict[str, str]:
    return {
        "PYTHONPATH": ":".join(sys.path), "HF_ENDPOINT": hub.url, "HF_HOME": str(home), "PATH": "", "NO_PROXY": "*",
        "HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_TELEMETRY": "1",
    }  # fmt: skip


def run(hub: Hub, home: Path, **options: Any) -> tuple[dict[str, Any], str]:
    """What it printed, and what it said on stderr, which is no terminal."""
    command = [sys.executable, "-c", PROGRAM, json.dumps(options)]
    done = subprocess.run(command, env=environment(hub, home), capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr


def on_terminal(hub: Hub, home: Path, **options: Any) -> str:
    """What it said on stderr, which is a terminal."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))  # of no width nothing is drawn
    command = [sys.executable, "-c", PROGRAM, json.dumps(options)]
    with subprocess.Popen(
        command, env=environment(hub, home), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=theirs
    ) as process:
        os.close(theirs)
        said = bytearray()
        with suppress(OSError):  # its end is an error to who reads a terminal
            while piece := os.read(ours, 4096):
                said += piece
    os.close(ours)
    assert process.returncode == 0
    return said.decode()


def test_one_line_tells_of_a_download_and_none_of_what_is_there(hub: Hub, tmp_path: Path) -> None:
    model = {"model": "owner/plain", "cache_dir": str(tmp_path / "kept here")}
    told, said = run(hub, tmp_path, **model)
    assert told["tokens"] == 5
    assert said.startswith("Downloading owner/plain, ")
    assert said.endswith(" kB.\n")
    assert said.count("\n") == 1
    assert (tmp_path / "kept here/models--owner--plain/snapshots" / hub.commit / "model.safetensors").is_file()
    assert not (tmp_path / "hub").exists()
    told, said = run(hub, tmp_path, **model)
    assert (told["tokens"], said) == (5, "")
    before = len(hub.asked)
    told, said = run(hub, tmp_path, **model, offline=True)
    assert (told["tokens"], said, len(hub.asked)) == (5, "", before)
    told, _ = run(hub, tmp_path, model="owner/plain", offline=True)
    assert told["error"] == "ModelNotFoundError"
    assert "not in the cache" in told["said"]
    assert len(hub.asked) == before


def test_on_a_terminal_the_bars_of_the_hub_are_shown(hub: Hub, tmp_path: Path) -> None:
    said = on_terminal(hub, tmp_path, model="owner/plain")
    assert "Fetching" in said
    assert "100%" in said
    assert "Downloading owner/plain" not in said
    assert "Fetching" not in on_terminal(hub, tmp_path, model="owner/plain")


def test_an_adapter_comes_from_the_hub_too(hub: Hub, tmp_path: Path) -> None:
    told, said = run(hub, tmp_path, model="owner/plain", adapters={"fr": "owner/lora"}, adapter="fr")
    assert told["how"].endswith("adapters: fr")
    assert [line.split(",")[0] for line in said.splitlines()] == ["Downloading owner/plain", "Downloading owner/lora"]


def test_what_makes_the_vectors_comes_from_its_folders_and_nothing_else_does(hub: Hub, tmp_path: Path) -> None:
    told, said = run(hub, tmp_path, model="owner/vectors", memory=0.01)
    assert "the model's own, the last token's state, a layer of 7, brought to length one" in told["how"]
    assert len(said.splitlines()) == 1
    assert sorted(path.name for path in tmp_path.rglob("snapshots/*/*/*")) == ["config.json"] * 2 + [
        "model.safetensors"
    ]
    assert not list(tmp_path.rglob("onnx"))
    again, said = run(hub, tmp_path, model="owner/vectors", memory=0.01, offline=True)
    assert (again, said) == (told, "")


def test_code_of_the_hub_runs_at_the_commit_that_was_named_and_not_before(hub: Hub, tmp_path: Path) -> None:
    canary = hub.repositories["owner/code"].parent / "ran"
    told, _ = run(hub, tmp_path, model="owner/code")
    named = f"owner/code@{hub.commit}"
    assert told["error"] == "ConfigurationError"
    assert told["hint"].endswith(f"-o trust_remote_code {named}")
    kept = tmp_path / "hub/models--owner--code/snapshots" / hub.commit
    assert not list(kept.glob("*.py")) and not list(kept.glob("*.safetensors"))
    told, _ = run(hub, tmp_path, model="owner/code", trust_remote_code=[named], revision="main")
    assert "the revision is main" in told["said"]
    assert not canary.exists()
    told, _ = run(hub, tmp_path, model="owner/code", trust_remote_code=[named])
    assert told["how"].startswith("Transformers' forward pass, because its code is its own")
    assert canary.exists()
