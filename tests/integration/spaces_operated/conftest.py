"""A local Hub, the adapter that uses huggingface_hub against it, and Spaces whose app is a model's server."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Generator
from itertools import count
from typing import Any

import pytest

from tests.integration.spaces_operated.model_app import ANSWER, sources
from tests.local_hub import hub, online
from unified_intelligence.adapters.spaces.hugging_face_space_host import HuggingFaceSpaceHost
from unified_intelligence.config.environment import Environment
from unified_intelligence.factories.space_factory import space_visitor
from unified_intelligence.spaces.deployer import Deployed, Deployer
from unified_intelligence.spaces.patience import Patience
from unified_intelligence.spaces.render import RenderedSpace, render
from unified_intelligence.spaces.report import DeploymentReport
from unified_intelligence.spaces.secret_values import SecretValues
from unified_intelligence.spaces.simulator.hub import Hub
from unified_intelligence.spaces.simulator.keeper import Timings
from unified_intelligence.spaces.simulator.server import running
from unified_intelligence.spaces.spec import SpaceSpec

__all__ = ["hub", "online"]  # fixtures, taken in by name
_NUMBERS = count(1)
QUICK = Patience(
    poll=0.05,
    longest_poll=0.1,
    created=0.0,
    settling=1.0,
    unmoved=0.8,
    starting=3.0,
    answering=0.7,
    watch=0.1,
    watch_poll=0.1,
)  # what is told to run here answers at once, and what is asked for is told of after a twentieth of a second
Rendered = Callable[..., RenderedSpace]


def deploy(deployer: Deployer, rendered: RenderedSpace) -> Deployed:
    """Plan, apply, verify, tag; back where the spec wants it and it fails."""

    async def work() -> Deployed:
        return await deployer.deploy(rendered, await deployer.plan(rendered))

    return asyncio.run(work())


@pytest.fixture(scope="module")
def url(hub: Hub) -> Generator[str]:
    with running(hub.folder, hub=hub, base=os.environ, timings=Timings(notice=0.05, build=0.05, restart=0.02)) as url:
        yield url


@pytest.fixture
def host(url: str) -> HuggingFaceSpaceHost:
    return HuggingFaceSpaceHost(
        token="hf_anne", endpoint=url, sleep=lambda seconds: time.sleep(seconds / 10)
    )  # what the Hub asks to wait for is counted in calls here


@pytest.fixture
def name() -> str:
    return f"anne/modele-{next(_NUMBERS)}"


@pytest.fixture
def rendered(name: str) -> Rendered:
    """A Space with an answer; `more` goes into its spec."""

    def make(answer: str = ANSWER, files: dict[str, bytes] | None = None, **more: Any) -> RenderedSpace:
        spec: dict[str, Any] = {
            "version": 1,
            "id": name,
            "sdk": "gradio",
            "contract": {"kind": "openai", "models": ["petit"], "provider": "openai_compatible"},
            "smoke": [{"name": "tva", "prompt": "15 % de 240 € ?", "expect": {"regex": "36 €", "min_tokens": 3}}],
            **more,
        }
        return render(SpaceSpec.model_validate(spec), {**sources(answer), **(files or {})}, source="abc123")

    return make


@pytest.fixture
def heard() -> list[str]:
    return []


@pytest.fixture
def deployer(host: HuggingFaceSpaceHost, heard: list[str]) -> Deployer:
    visitor = space_visitor(host, Environment({"HF_TOKEN": "hf_anne"}))
    return Deployer(
        host, visitor, SecretValues(), heard.append, patience=QUICK, report=DeploymentReport("anne/x", "deploy")
    )
