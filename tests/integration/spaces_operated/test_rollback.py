"""Back to a good version: byte for byte, with its settings, and never twice."""

from __future__ import annotations

import asyncio
import random

import pytest

from tests.integration.spaces_operated.conftest import Rendered, deploy
from unified_intelligence.adapters.spaces.hugging_face_space_host import HuggingFaceSpaceHost
from unified_intelligence.entities.errors import ConfigurationError, DeploymentError, RollbackError, VerificationError
from unified_intelligence.entities.space import AddFile, NewCommit
from unified_intelligence.spaces.deployer import Deployer
from unified_intelligence.spaces.secret_values import SecretValues
from unified_intelligence.spaces.simulator.faults import Fault
from unified_intelligence.spaces.simulator.hub import Hub
from unified_intelligence.spaces.status import status_of

# The library's own uploading of large files says so of itself.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<...>':DeprecationWarning")
FILES = {
    "données/été n°1.txt": "à la carte\u2028🎉\n".encode(),
    "poids.safetensors": random.Random(3).randbytes(50_000),
    "vide": b"",
    "a/b/c/d+e%20f.txt": b"odd",
}


def contents(host: HuggingFaceSpaceHost, space: str, revision: str = "main") -> dict[str, bytes]:
    return {path: host.read(space, path, revision) for path in host.tree(space, revision)}


def test_files_and_settings_come_back_in_one_commit(
    deployer: Deployer, host: HuggingFaceSpaceHost, rendered: Rendered, name: str
) -> None:
    good = deploy(deployer, rendered(files=FILES, variables={"COLOUR": "bleu ciel", "SIZE": "1.10"}))
    before = contents(host, name)
    changed = {**{path: content + b"!" for path, content in FILES.items()}, "en plus.txt": b"1"}
    del changed["vide"]
    second = deploy(
        deployer,
        rendered("autre : 36 €", files=changed, variables={"COLOUR": "noir", "NEW": "x"}, hardware="cpu-upgrade"),
    )
    back = asyncio.run(deployer.rollback(rendered().spec))
    assert contents(host, name) == before
    assert {key: one.value for key, one in host.variables(name).items()} == {"COLOUR": "bleu ciel", "SIZE": "1.10"}
    assert host.runtime(name).wanted_hardware == "cpu-basic"
    assert (back.tag, back.digest) == (good.tag, good.digest)
    assert back.sha not in {good.sha, second.sha}
    assert host.runtime(name).sha == back.sha == host.info(name).sha
    assert back.verification is not None and back.verification.ok
    assert sorted(back.restored) == [
        "hardware set back to cpu-basic", "variable COLOUR set back", "variable NEW removed", "variable SIZE set back",
    ]  # fmt: skip
    assert asyncio.run(deployer.plan(rendered(files=FILES, variables={"COLOUR": "bleu ciel", "SIZE": "1.10"}))).is_empty


def test_a_version_that_is_named(deployer: Deployer, rendered: Rendered, host: HuggingFaceSpaceHost, name: str) -> None:
    for number in range(3):
        deploy(deployer, rendered(f"version {number} : 36 €"))
    back = asyncio.run(deployer.rollback(rendered().spec, "1"))
    assert back.tag == "uic-good-1"
    assert host.read(name, "answer.txt").decode() == "version 0 : 36 €"
    with pytest.raises(ConfigurationError, match="no good version 'uic-good-9'") as refused:
        asyncio.run(deployer.rollback(rendered().spec, "uic-good-9"))
    assert "uic-good-3, uic-good-2, uic-good-1" in refused.value.hint


def test_a_version_that_was_gone_back_from_does_not_come_again(
    hub: Hub, deployer: Deployer, rendered: Rendered, host: HuggingFaceSpaceHost, name: str
) -> None:
    def answer() -> str:
        return host.read(name, "answer.txt").decode()

    for number in range(3):
        deploy(deployer, rendered(f"été {number} : 36 €"))
    back = asyncio.run(deployer.rollback(rendered().spec))
    assert (back.tag, answer()) == ("uic-good-2", "été 1 : 36 €")
    status = asyncio.run(status_of(host, deployer.visitor, rendered().spec))
    assert (status.good, status.drifts) == ("uic-good-4", ())

    hub.faults.waiting.append(Fault("build_error", name))
    with pytest.raises(VerificationError) as failed:
        deploy(deployer, rendered("nouveau : 36 €"))
    assert "rolled back to uic-good-4" in failed.value.message
    hub.faults.clear(commits=True)
    assert answer() == "été 1 : 36 €"

    asyncio.run(deployer.rollback(rendered().spec))
    assert answer() == "été 0 : 36 €"
    with pytest.raises(DeploymentError, match="before the one it has") as refused:
        asyncio.run(deployer.rollback(rendered().spec))
    assert "uic-good-5, uic-good-4, uic-good-3" in refused.value.hint


def test_a_good_version_that_was_not_changed_is_not_rolled_back(
    hub: Hub, deployer: Deployer, rendered: Rendered, host: HuggingFaceSpaceHost, name: str
) -> None:
    """A quota that is used up, or a model's host that is away, is no reason to run older code."""
    deploy(deployer, rendered("un : 36 €"))
    second = deploy(deployer, rendered("deux : 36 €"))
    hub.faults.waiting.append(Fault("failing_answers", name))
    hub.faults.on_commit(name, second.sha)
    with pytest.raises(VerificationError) as failed:
        deploy(deployer, rendered("deux : 36 €"))
    assert "those of uic-good-2, which was good, so nothing was rolled back" in failed.value.message
    hub.faults.clear(commits=True)
    assert host.info(name).sha == second.sha


def test_a_secret_that_became_a_variable_again(
    deployer: Deployer, rendered: Rendered, host: HuggingFaceSpaceHost, name: str
) -> None:
    deploy(deployer, rendered(variables={"COLOUR": "bleu ciel"}))
    deployer.secrets = SecretValues({"COLOUR": "noir 🙂"})
    deploy(deployer, rendered("deux : 36 €", secrets={"COLOUR": "env:COLOUR"}))
    back = asyncio.run(deployer.rollback(rendered().spec))
    assert back.restored == ("secret COLOUR removed", "variable COLOUR set back")
    assert (dict(host.secrets(name)), host.variables(name)["COLOUR"].value) == ({}, "bleu ciel")


def test_the_old_version_is_held_to_what_was_asked_of_it_then(deployer: Deployer, rendered: Rendered) -> None:
    deploy(deployer, rendered("ancien : 36 €"))
    smoke = [{"name": "nouvelle", "prompt": "?", "expect": {"regex": "nouveau"}}]
    deploy(deployer, rendered("nouveau : 36 €", smoke=smoke))
    back = asyncio.run(deployer.rollback(rendered(smoke=smoke).spec))
    assert back.verification is not None
    assert [result.name for result in back.verification.smoke] == ["tva"]


@pytest.mark.parametrize(("hardware", "stage"), [("l4x1", "PAUSED"), ("cpu-basic", "RUNTIME_ERROR")])
def test_when_the_old_version_does_not_run_either_what_costs_money_is_paused_and_nothing_more_is_tried(
    hardware: str, stage: str, hub: Hub, deployer: Deployer, rendered: Rendered, host: HuggingFaceSpaceHost, name: str
) -> None:
    deploy(deployer, rendered(hardware=hardware))
    hub.faults.waiting.append(Fault("build_error", name))
    rolled_back: list[str] = []

    def hear(line: str) -> None:
        if "Rolling back" in line:
            hub.faults.waiting.append(Fault("crash_loop", name))
        if line.startswith("back to"):
            rolled_back.append(line)

    deployer.hear = hear
    with pytest.raises(RollbackError) as failed:
        deploy(deployer, rendered("nouveau : 36 €", hardware=hardware))
    hub.faults.clear(commits=True)
    assert failed.value.exit_code == 14
    assert "BUILD_ERROR" in failed.value.message and "RUNTIME_ERROR" in failed.value.message
    assert ("It was paused: l4x1 costs $0.80 an hour." in failed.value.message) is (stage == "PAUSED")
    assert host.runtime(name).stage == stage
    assert len(rolled_back) == 1
    assert [tag.name for tag in host.tags(name)] == ["uic-good-1"]


def test_there_is_nothing_to_go_back_to(deployer: Deployer, rendered: Rendered) -> None:
    with pytest.raises(DeploymentError, match="is not there"):
        asyncio.run(deployer.rollback(rendered().spec))
    deploy(deployer, rendered())
    with pytest.raises(DeploymentError, match="no good version to roll back to"):
        asyncio.run(deployer.rollback(rendered().spec))


def test_somebody_who_pushes_meanwhile_is_not_run_over(
    deployer: Deployer, rendered: Rendered, host: HuggingFaceSpaceHost, name: str
) -> None:
    deploy(deployer, rendered())
    second = deploy(deployer, rendered("deux : 36 €"))
    pushed: list[str] = []

    def hear(line: str) -> None:
        if line.startswith("back to"):
            change = (AddFile("autre.txt", b"autre"),)
            pushed.append(host.commit(name, NewCommit("Somebody else", change, second.sha)))

    deployer.hear = hear
    with pytest.raises(DeploymentError) as failed:
        asyncio.run(deployer.rollback(rendered().spec))
    assert failed.value.code == "stale_plan"
    assert host.info(name).sha == pushed[0]


def test_an_auto_rollback_that_is_not_wanted_leaves_the_new_version(
    hub: Hub, deployer: Deployer, rendered: Rendered, host: HuggingFaceSpaceHost, name: str
) -> None:
    deploy(deployer, rendered())
    hub.faults.waiting.append(Fault("failing_answers", name))
    with pytest.raises(VerificationError):
        deploy(deployer, rendered("deux : 36 €", rollout={"auto_rollback": False}))
    hub.faults.clear(commits=True)
    assert host.read(name, "answer.txt").decode() == "deux : 36 €"
