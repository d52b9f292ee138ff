"""Fixtures of every test that talks to a local Hub with the Hub's own client; a conftest takes them in by name."""

from __future__ import annotations

import huggingface_hub
import pytest
from huggingface_hub import constants

from unified_intelligence.spaces.simulator.hub import Hub


@pytest.fixture(autouse=True)
def online(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a process that was started with HF_HUB_DISABLE_XET=1 and without HF_HUB_OFFLINE."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_PROGRESS_BARS", True)
    huggingface_hub.close_session()


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Hub:
    return Hub(tmp_path_factory.mktemp("hub"), owner="anne")
