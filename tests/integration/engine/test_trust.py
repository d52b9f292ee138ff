"""Code that comes with a model leaves a file where it ran: there is none unless model and commit were named."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.tiny_qwen3 import build
from unified_intelligence.adapters.llm.transformers_adapter import TransformersAdapter
from unified_intelligence.engine import trust
from unified_intelligence.entities.errors import ConfigurationError

CODE = """
from pathlib import Path
from transformers import Qwen3Config, Qwen3ForCausalLM
Path({canary!r}).touch()
class OwnConfig(Qwen3Config):
    model_type = "own_qwen3"
class OwnModel(Qwen3ForCausalLM):
    config_class = OwnConfig
"""
AUTO_MAP = {"AutoConfig": "own.OwnConfig", "AutoModelForCausalLM": "own.OwnModel"}
PROGRAM = """
import sys
from unified_intelligence.adapters.llm.transformers_adapter import TransformersAdapter
from unified_intelligence.entities.generation import GenerationConfig
adapter = TransformersAdapter(model=sys.argv[1], trust_remote_code=sys.argv[2:], threads=1)
answer = adapter.generate("Ça va ?", GenerationConfig(max_tokens=5, temperature=0.0))
print(answer.usage.completion_tokens, adapter.explanation)
adapter.close()
"""


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("sound"))


@pytest.fixture
def folder(sound: Path, tmp_path: Path) -> Path:
    """A model with code of its own; the file `ran` beside it tells whether that was run."""
    own = shutil.copytree(sound, tmp_path / "own")
    (own / "own.py").write_text(CODE.format(canary=str(tmp_path / "ran")))
    change(own / "config.json", auto_map=AUTO_MAP, model_type="own_qwen3", architectures=["OwnModel"])
    return own


def change(path: Path, **fields: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


def ran(folder: Path) -> bool:
    return (folder.parent / "ran").exists()


def run(folder: Path, *trusted: str) -> subprocess.CompletedProcess[str]:
    """In a process of its own, because code that was imported once would stay."""
    environment = {
        "PYTHONPATH": ":".join(sys.path), "HF_HOME": str(folder.parent / "hub"), "HF_HUB_OFFLINE": "1", "PATH": "",
    }  # fmt: skip
    command = [sys.executable, "-c", PROGRAM, str(folder), *trusted]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


def test_code_is_not_run_unless_its_folder_is_named_with_its_digest(folder: Path) -> None:
    for trusted in ([], [f"{folder}@{'0' * 40}"], [f"/somewhere/else@{trust.digest(folder)}"]):
        with pytest.raises(ConfigurationError, match=r"auto_map|not what was trusted") as refused:
            TransformersAdapter(model=str(folder), trust_remote_code=trusted)
        assert "trust_remote_code" in refused.value.hint
        done = run(folder, *trusted)
        assert done.returncode == 1 and "ConfigurationError" in done.stderr
        assert not ran(folder)


def test_the_code_that_was_named_runs_and_answers(folder: Path) -> None:
    with pytest.raises(ConfigurationError) as refused:
        trust.check_code(folder)
    found = re.search(r"trust_remote_code (\S+)$", refused.value.hint)
    assert found
    done = run(folder, found[1])
    assert (done.returncode, ran(folder)) == (0, True), done.stderr
    assert done.stdout.startswith("5 Transformers' forward pass, because its code is its own")


def test_code_that_changed_since_it_was_named_is_not_run(folder: Path) -> None:
    named = f"{folder}@{trust.digest(folder)}"
    with (folder / "own.py").open("a") as code:
        code.write("\nimport os\n")
    with pytest.raises(ConfigurationError, match="not what was trusted"):
        TransformersAdapter(model=str(folder), trust_remote_code=[named])
    assert not ran(folder)


@pytest.mark.parametrize("fields", [
    {"auto_map": {"AutoModelForCausalLM": "somebody/else--own.OwnModel"}},
    {"auto_map": AUTO_MAP, "text_config": {"auto_map": {"AutoConfig": "somebody/else--own.OwnConfig"}}},
    {"auto_map": AUTO_MAP, "attn_implementation": "somebody/kernel"},
])  # fmt: skip
def test_code_of_another_repository_is_never_run(folder: Path, fields: dict[str, Any]) -> None:
    change(folder / "config.json", **fields)
    with pytest.raises(ConfigurationError, match="another repository"):
        TransformersAdapter(model=str(folder), trust_remote_code=[f"{folder}@{trust.digest(folder)}"])
    assert not ran(folder)


@pytest.mark.parametrize("named", [
    "owner/name", "owner/name@main", "owner/name@v1.0",
    f"@{'a' * 40}", f"owner/name@{'a' * 39}", f"owner/name@{'A' * 40}",
])  # fmt: skip
def test_a_branch_or_a_tag_is_no_commit(named: str) -> None:
    with pytest.raises(ConfigurationError, match="trust_remote_code names a model at a commit") as refused:
        TransformersAdapter(model="owner/name", trust_remote_code=[named])
    assert "branch or a tag" in refused.value.message
