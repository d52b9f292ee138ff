"""A local Hub on loopback, with the unmodified client of the real one before it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import huggingface_hub
import pytest

from unified_intelligence.adapters.spaces.hugging_face_space_host import HuggingFaceSpaceHost
from unified_intelligence.spaces.render import RenderedSpace, render
from unified_intelligence.spaces.simulator.hub import Hub
from unified_intelligence.spaces.simulator.server import running
from unified_intelligence.spaces.spec import SpaceSpec

TOKEN = "hf_" + "canaryOfTheToken" * 3
SPACE = "local/page"
PAGE = {"index.html": "<h1>Ça va 😀</h1>\n".encode(), "README.md": "---\ntitle: Été\nsdk: static\n---\n".encode()}


class LocalHub(NamedTuple):
    url: str
    hub: Hub
    host: HuggingFaceSpaceHost

    def commits(self, space: str = SPACE) -> list[str]:
        api = huggingface_hub.HfApi(endpoint=self.url, token=TOKEN)
        return [each.commit_id for each in api.list_repo_commits(space, repo_type="space")]

    def content(self, space: str = SPACE) -> dict[str, bytes]:
        """Every file on the branch, read back over HTTP."""
        return {path: self.host.read(space, path) for path in self.host.tree(space)}


@pytest.fixture
def local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalHub]:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    hub = Hub(tmp_path / "hub")
    with running(tmp_path / "hub", hub=hub) as url:
        yield LocalHub(url, hub, HuggingFaceSpaceHost(token=TOKEN, endpoint=url, sleep=lambda _: None))
    huggingface_hub.close_session()


Page = Callable[..., RenderedSpace]


@pytest.fixture
def page() -> Page:
    """A rendered static Space: nothing is started for it."""

    def rendered(files: dict[str, bytes] | None = None, **spec: Any) -> RenderedSpace:
        given = {"version": 1, "id": SPACE, "sdk": "static", **spec}
        return render(SpaceSpec.model_validate(given), PAGE if files is None else files)

    return rendered
