"""Compiling ahead of time: what it says where it cannot, and that the model says the same where it can."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.spaces.space_process import NEEDS_GRADIO, PROJECT, running
from tests.tiny_qwen3 import build_speaker
from unified_intelligence.factories.provider_factory import ProviderFactory

if TYPE_CHECKING:
    from unified_intelligence.interfaces.text_generator import ITextGenerator

pytest.importorskip("fastapi", reason="The extra 'space' is not installed")

HERE = Path(__file__).parent


def compiled(generator: ITextGenerator, on_gpu: Any) -> str:
    from unified_intelligence.gradio_space.ahead import compile_ahead

    return compile_ahead(generator, on_gpu)


def refused(work: Any, seconds: Any) -> Any:
    raise AssertionError("no GPU is needed to see that there is nothing to compile")


def test_where_it_cannot_it_says_why(tmp_path: Path) -> None:
    model = str(build_speaker(tmp_path / "speaker", "Ça va ? 🎉"))
    fused = ProviderFactory().create("local", model=model, engine="fused", threads=1)
    assert "there is no ZeroGPU" in compiled(fused, None)
    assert "ENGINE=transformers" in compiled(fused, refused)
    assert "not made of torch modules" in compiled(ProviderFactory().create("echo"), refused)


@NEEDS_GRADIO
def test_a_space_without_zero_gpu_says_so_in_its_log_and_starts(tmp_path: Path) -> None:
    app = PROJECT / "hf_spaces" / "qwen3-inference" / "app.py"
    path = {"PYTHONPATH": str(PROJECT / "src")}
    with running(app, cwd=tmp_path, MODEL_ID="embedded", AOT_COMPILE="on", **path) as space:
        assert space.url
        assert "Nothing is compiled ahead of time: there is no ZeroGPU here." in space.said


@pytest.mark.skipif("SLOW_TESTS" not in os.environ, reason="A compiler works for a minute: SLOW_TESTS=1")
@pytest.mark.skipif(find_spec("spaces") is None, reason="ZeroGPU's package is not here: pip install spaces")
def test_compiled_layers_say_the_same(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.integration.spaces.ahead_on_cpu", str(tmp_path)]
    path = f"{PROJECT / 'src'}:{PROJECT}"
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=PROJECT, env={**os.environ, "PYTHONPATH": path}
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["told"] == "2 layers were compiled ahead of time." and told["used"] == [True, True]
    assert told["before"] == told["after"] == "Ça va ? 🎉 bien"
