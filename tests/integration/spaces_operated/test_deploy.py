"""Deployments that go well, over HTTP with huggingface_hub as it is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.integration.spaces_operated.conftest import QUICK, Rendered, deploy
from unified_intelligence.adapters.spaces.hugging_face_space_host import HuggingFaceSpaceHost
from unified_intelligence.entities.errors import VerificationError
from unified_intelligence.spaces.deployer import Deployer
from unified_intelligence.spaces.secret_values import SecretValues


def test_a_new_space_is_made_proven_and_tagged(
    deployer: Deployer, host: HuggingFaceSpaceHost, rendered: Rendered
) -> None:
    space = rendered()
    deployer.patience = replace(QUICK, watch=1.5)  # time for the logs to be heard
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


def test_a_second_version_has_the_next_tag_and_a_third_of_the_same_bytes_none(
    deployer: Deployer, host: HuggingFaceSpaceHost, rendered: Rendered
) -> None:
    first = deploy(deployer, rendered())
    second = deploy(deployer, rendered("Toujours 36 €\n🎉"))
    third = deploy(deployer, rendered("Toujours 36 €\n🎉"))
    assert [first.tag, second.tag, third.tag] == ["uic-good-1", "uic-good-2", "uic-good-2"]
    assert (second.sha, second.digest) == (third.sha, third.digest)
    assert {tag.name: tag.sha for tag in host.tags(first.space)} == {
        "uic-good-1": first.sha, "uic-good-2": second.sha,
    }  # fmt: skip


def test_another_secret_is_proven_by_the_process_that_has_it(
    deployer: Deployer, host: HuggingFaceSpaceHost, rendered: Rendered
) -> None:
    """Nothing is committed then, and the process with the old secret runs the right files."""
    space = rendered(secrets={"MODE": "env:MODE"})
    deployer.secrets = SecretValues({"MODE": "réglé 🙂"})
    good = deploy(deployer, space)
    deployer.secrets = SecretValues({"MODE": "empty"})
    with pytest.raises(VerificationError, match="the answer is empty") as failed:
        deploy(deployer, space)
    assert "those of uic-good-1, which was good, so nothing was rolled back" in failed.value.message
    deployer.secrets = SecretValues({"MODE": "de nouveau"})
    assert deploy(deployer, space).sha == good.sha == host.info(good.space).sha
