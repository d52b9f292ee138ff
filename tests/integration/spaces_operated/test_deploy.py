"""Deployments that go well, over HTTP with huggingface_hub as it is."""

from __future__ import annotations

import asyncio

from tests.integration.spaces_operated.conftest import Rendered
from unified_intelligence.adapters.spaces.hugging_face_space_host import HuggingFaceSpaceHost
from unified_intelligence.spaces.deployer import Deployed, Deployer
from unified_intelligence.spaces.render import RenderedSpace


def deploy(deployer: Deployer, rendered: RenderedSpace) -> Deployed:
    async def work() -> Deployed:
        return await deployer.deploy(rendered, await deployer.plan(rendered))

    return asyncio.run(work())


def test_a_new_space_is_made_proven_and_tagged(
    deployer: Deployer, host: HuggingFaceSpaceHost, rendered: Rendered
) -> None:
    space = rendered()
    good = deploy(deployer, space)
    assert (good.tag, good.digest) == ("uic-good-1", space.digest)
    assert host.info(good.space).sha == good.sha
    steps = {step["step"]: step["found"] for step in deployer.report.steps}
    assert list(steps) == ["plan", "apply", "verify", "tag"]
    verified = steps["verify"]["verification"]
    assert [(check["name"], check["ok"]) for check in verified["checks"]] == [
        ("runtime", True), ("version", True), ("contract", True), ("smoke", True), ("watch", True),
    ]  # fmt: skip
    assert verified["smoke"][0]["text"].startswith("Oui : 240 €, dont 36 € de taxe 🙂\n\u2028fin")
    assert any("Démarré\u2028ici" in line for line in verified["logs"]["run"])
    assert verified["remedies"] == []
