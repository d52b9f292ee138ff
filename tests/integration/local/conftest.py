"""Tiny models, each built once a run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.tiny_qwen3 import TEMPLATE, build, build_speaker
from unified_intelligence.adapters.llm.transformers_adapter import TransformersAdapter
from unified_intelligence.engine.start import Pass

Speaker = Callable[..., TransformersAdapter]


@pytest.fixture(scope="session")
def speaker(tmp_path_factory: pytest.TempPathFactory) -> Speaker:
    """Builds each text's model once."""
    built: dict[tuple[str, str, Pass], TransformersAdapter] = {}

    def speak(text: str, template: str = TEMPLATE, engine: Pass = "auto") -> TransformersAdapter:
        if (text, template, engine) not in built:
            folder = build_speaker(tmp_path_factory.mktemp("speaker"), text, template=template)
            built[text, template, engine] = TransformersAdapter(model=str(folder), threads=1, engine=engine)
        return built[text, template, engine]

    return speak


@pytest.fixture(scope="session")
def random_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("random"))


@pytest.fixture(scope="session")
def random_model(random_folder: Path) -> TransformersAdapter:
    return TransformersAdapter(model=str(random_folder), threads=1)
