"""One local Hub for the tests of this room; each test has Spaces of its own in it."""

# The types of huggingface_hub are incomplete; what is known is still checked.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownLambdaType=false

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import HfApi

from tests.integration.spaces_hub.small_app import files_of
from tests.local_hub import hub, online
from unified_intelligence.spaces.simulator.hub import Hub
from unified_intelligence.spaces.simulator.keeper import Timings
from unified_intelligence.spaces.simulator.server import running

__all__ = ["hub", "online"]  # fixtures, taken in by name
_NUMBERS = count(1)


@pytest.fixture(scope="module")
def url(hub: Hub) -> Generator[str]:
    with running(hub.folder, hub=hub, base=os.environ, timings=Timings(notice=0.05, build=0.1, restart=0.05)) as url:
        yield url


@pytest.fixture
def api(url: str) -> HfApi:
    return HfApi(endpoint=url, token="hf_anne")


@pytest.fixture
def name() -> str:
    return f"anne/space-{next(_NUMBERS)}"


@pytest.fixture
def deployed(api: HfApi, name: str) -> Callable[..., str]:
    """Commits a small app that answers with a text, into a Space that is made if it is not there. The commit's id."""

    def deploy(text: str = "Ça va ? 🎉\n", **more: Any) -> str:
        api.create_repo(name, repo_type="space", space_sdk="gradio", exist_ok=True)
        done = api.create_commit(name, files_of(text), commit_message="An app", repo_type="space", **more)
        return done.oid

    return deploy


@pytest.fixture
def folder(hub: Hub) -> Path:
    return hub.folder
