"""What the Gradio Space consists of, read as the platform reads it."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import yaml

from unified_intelligence.config.space import SpaceSettings
from unified_intelligence.entities.generation import GenerationConfig

SPACE = Path(__file__).parents[3] / "hf_spaces" / "qwen3-inference"
README = (SPACE / "README.md").read_text("utf-8")
HEAD: dict[str, Any] = yaml.safe_load(README.split("---")[1])
ZERO_GPU_TORCH = {"2.8.0", "2.9.1", "2.10.0", "2.11.0"}


def requirements() -> dict[str, str]:
    lines = (SPACE / "requirements.txt").read_text("utf-8").splitlines()
    return dict(line.split("==") for line in lines if line and not line.startswith("#"))


def test_the_front_matter_says_what_zero_gpu_runs() -> None:
    assert HEAD["sdk"] == "gradio"
    assert HEAD["sdk_version"] == requirements()["gradio"]
    assert HEAD["python_version"] == "3.12"
    assert HEAD["suggested_hardware"] == "zero-a10g"
    assert (SPACE / HEAD["app_file"]).is_file()
    assert HEAD["models"] == HEAD["preload_from_hub"] == [SpaceSettings().model_id]
    assert len(HEAD["short_description"]) <= 60
    assert HEAD["startup_duration_timeout"]


def test_every_requirement_is_pinned_to_what_zero_gpu_has() -> None:
    pinned = requirements()
    assert pinned["torch"] in ZERO_GPU_TORCH
    assert {"transformers", "tokenizers", "numpy", "fastapi", "llguidance"} <= pinned.keys()
    assert [version for version in pinned.values() if not re.fullmatch(r"[\d.]+", version)] == []


def test_the_app_is_thin() -> None:
    assert len((SPACE / "app.py").read_text("utf-8").splitlines()) <= 150


def test_the_readme_names_every_setting_and_its_default() -> None:
    rows = re.findall(r"^\| (`[A-Z].*?) \| (.*?) \|", README, re.MULTILINE)
    told = {
        name: default
        for names, defaults in rows
        for name, default in zip(names.split(", "), defaults.split(", "), strict=True)
    }
    settings = {f"`{own.name.upper()}`": f"`{own.default}`" for own in fields(SpaceSettings) if own.default}
    assert told == {**settings, "`MODEL_REVISION`": "the newest"}


def test_the_readme_names_every_field_of_a_request() -> None:
    table = README[README.index("| field |") : README.index("Another field")]
    assert set(re.findall(r"`(\w+)`", table)) >= set(GenerationConfig.__dataclass_fields__)
