"""What the two Gradio Spaces consist of, read as the platform reads it."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from unified_intelligence.config.space import EvaluationSettings, SpaceSettings
from unified_intelligence.entities.generation import GenerationConfig

SPACES = Path(__file__).parents[3] / "hf_spaces"
ZERO_GPU_TORCH = {"2.8.0", "2.9.1", "2.10.0", "2.11.0"}
BY_THE_HUB = {"space_id", "accelerator"}


class Space(NamedTuple):
    folder: Path
    settings: type[SpaceSettings]

    @property
    def readme(self) -> str:
        return (self.folder / "README.md").read_text("utf-8")

    @property
    def head(self) -> dict[str, Any]:
        return yaml.safe_load(self.readme.split("---")[1])

    @property
    def requirements(self) -> dict[str, str]:
        lines = (self.folder / "requirements.txt").read_text("utf-8").splitlines()
        return dict(line.split("==") for line in lines if line and not line.startswith("#"))


CHAT = Space(SPACES / "qwen3-inference", SpaceSettings)
EVALUATION = Space(SPACES / "qwen3-eval", EvaluationSettings)
BOTH = pytest.mark.parametrize("space", [CHAT, EVALUATION], ids=lambda space: space.folder.name)


@BOTH
def test_the_front_matter_says_what_zero_gpu_runs(space: Space) -> None:
    head = space.head
    assert head["sdk"] == "gradio"
    assert head["sdk_version"] == space.requirements["gradio"]
    assert head["python_version"] == "3.12"
    assert head["suggested_hardware"] == "zero-a10g"
    assert (space.folder / head["app_file"]).is_file()
    assert head["models"] == head["preload_from_hub"] == [SpaceSettings().model_id]
    assert len(head["short_description"]) <= 60
    assert head["startup_duration_timeout"]


@BOTH
def test_every_requirement_is_pinned_to_what_zero_gpu_has(space: Space) -> None:
    pinned = space.requirements
    assert pinned["torch"] in ZERO_GPU_TORCH
    assert {"transformers", "tokenizers", "numpy", "fastapi", "llguidance"} <= pinned.keys()
    assert [version for version in pinned.values() if not re.fullmatch(r"[\d.]+", version)] == []
    assert pinned == CHAT.requirements


@BOTH
def test_the_app_is_thin(space: Space) -> None:
    assert len((space.folder / "app.py").read_text("utf-8").splitlines()) <= 40


@BOTH
def test_the_readme_names_every_setting_and_its_default(space: Space) -> None:
    rows = re.findall(r"^\| (`[A-Z].*?) \| (.*?) \|", space.readme, re.MULTILINE)
    told = {
        name: default
        for names, defaults in rows
        for name, default in zip(names.split(", "), defaults.split(", "), strict=True)
    }
    settings = {f"`{own.name.upper()}`": f"`{own.default}`" for own in fields(space.settings) if own.default}
    assert told == {**settings, "`MODEL_REVISION`": "the newest"}
    assert {own.name for own in fields(space.settings) if not own.default} == {*BY_THE_HUB, "model_revision"}


def test_the_readme_names_every_field_of_a_request() -> None:
    readme = CHAT.readme
    table = readme[readme.index("| field |") : readme.index("Another field")]
    assert set(re.findall(r"`(\w+)`", table)) >= set(GenerationConfig.__dataclass_fields__)
