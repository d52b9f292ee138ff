"""Everything that goes wrong has its outcome: found, mended or rolled back, with its exit code."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from tests.integration.spaces_operated.conftest import Rendered, deploy
from unified_intelligence.adapters.spaces.hugging_face_space_host import HuggingFaceSpaceHost
from unified_intelligence.entities.errors import SpacePausedError, UnifiedIntelligenceError, VerificationError
from unified_intelligence.spaces.deployer import Deployer
from unified_intelligence.spaces.render import render
from unified_intelligence.spaces.simulator.faults import Fault
from unified_intelligence.spaces.simulator.hub import Hub
from unified_intelligence.spaces.spec import SpaceSpec

NEW = "Nouveau : 36 € 🎉\n"


@pytest.fixture(autouse=True)
def no_fault_is_left(hub: Hub) -> Generator[None]:
    yield
    hub.faults.clear(commits=True)


def remedies(deployer: Deployer) -> list[str]:
    return deployer.report.steps[-2]["found"]["verification"]["remedies"]


@pytest.mark.parametrize(("mode", "said"), [
    ("empty", "the answer is empty"),
    ("length", "it ended with length, not with stop"),
    ("no paths", "has no /v1/chat/completions"),
    ("slow", "more than 1 s"),
])  # fmt: skip
def test_an_app_that_runs_and_answers_wrongly_is_rolled_back_with_its_variables(
    mode: str, said: str, deployer: Deployer, rendered: Rendered, host: HuggingFaceSpaceHost, name: str
) -> None:
    smoke = [{"name": "tva", "prompt": "?", "expect": {"max_latency": 1.0}}]
    deploy(deployer, rendered(variables={"COLOUR": "bleu ciel"}, smoke=smoke))
    with pytest.raises(VerificationError) as failed:
        deploy(deployer, rendered(NEW, variables={"MODE": mode, "COLOUR": "noir"}, smoke=smoke))
    assert said in failed.value.message
    assert {key: one.value for key, one in host.variables(name).items()} == {"COLOUR": "bleu ciel"}
    assert host.runtime(name).stage == "RUNNING"


@pytest.mark.parametrize(("fault", "code", "exits"), [
    ("forbidden", "authentication", 4),
    ("overtaken", "stale_plan", 12),
    ("conflict", "stale_plan", 12),
])  # fmt: skip
def test_a_commit_that_is_refused_changes_no_file(
    fault: str, code: str, exits: int, hub: Hub, deployer: Deployer, rendered: Rendered, host: HuggingFaceSpaceHost,
    name: str,
) -> None:  # fmt: skip
    deploy(deployer, rendered())
    hub.faults.waiting.append(Fault(fault, name))
    with pytest.raises(UnifiedIntelligenceError) as failed:
        deploy(deployer, rendered(NEW))
    assert (failed.value.code, failed.value.exit_code) == (code, exits)
    assert host.read(name, "answer.txt") != NEW.encode()


def test_without_a_good_version_a_failure_stays_and_says_so(
    hub: Hub, deployer: Deployer, rendered: Rendered, host: HuggingFaceSpaceHost, name: str
) -> None:
    hub.faults.waiting.append(Fault("build_error", name))
    with pytest.raises(VerificationError) as failed:
        deploy(deployer, rendered())
    assert failed.value.message.endswith("There is no good version to go back to.")
    assert any("built" in line or "build" in line for line in failed.value.log_tail), failed.value.log_tail
    assert host.tags(name) == []


def test_what_was_broken_before_is_not_the_new_versions_failure(
    hub: Hub, deployer: Deployer, rendered: Rendered, host: HuggingFaceSpaceHost, name: str
) -> None:
    deploy(deployer, rendered())
    hub.faults.waiting.append(Fault("build_error", name))
    with pytest.raises(VerificationError):
        deploy(deployer, rendered(NEW, rollout={"auto_rollback": False}))
    assert host.runtime(name).stage == "BUILD_ERROR"
    good = deploy(deployer, rendered("trois : 36 €"))
    assert (good.tag, remedies(deployer)) == ("uic-good-2", [])


def test_a_space_that_somebody_paused_is_left_paused(
    deployer: Deployer, rendered: Rendered, host: HuggingFaceSpaceHost, name: str
) -> None:
    deploy(deployer, rendered())
    host.pause(name)
    with pytest.raises(SpacePausedError) as paused:
        deploy(deployer, rendered())
    assert "uic space wake" in paused.value.hint
    assert host.runtime(name).stage == "PAUSED"


def test_a_static_space_is_proven_as_far_as_it_can_be(
    deployer: Deployer, host: HuggingFaceSpaceHost, name: str
) -> None:
    spec = SpaceSpec.model_validate({"version": 1, "id": name, "sdk": "static"})
    files = {"README.md": "---\ntitle: Été\nsdk: static\n---\n".encode(), "index.html": "<h1>Ça va 🙂</h1>".encode()}
    good = deploy(deployer, render(spec, files))
    assert good.tag == "uic-good-1"
    checks = deployer.report.steps[-2]["found"]["verification"]["checks"]
    assert [(check["name"], check["ok"]) for check in checks] == [("runtime", True), ("version", None)]
