"""Everything that goes wrong has its outcome: found, mended or rolled back, with its exit code."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest

from tests.integration.spaces_operated.conftest import Rendered, deploy
from unified_intelligence.adapters.spaces.hugging_face_space_host import HuggingFaceSpaceHost
from unified_intelligence.entities.errors import UnifiedIntelligenceError, VerificationError
from unified_intelligence.spaces.deployer import Deployer
from unified_intelligence.spaces.running import REMEDIES
from unified_intelligence.spaces.simulator.faults import Fault
from unified_intelligence.spaces.simulator.hub import Hub

NEW = "Nouveau : 36 € 🎉\n"


@pytest.fixture(autouse=True)
def no_fault_is_left(hub: Hub) -> Generator[None]:
    yield
    hub.faults.clear(commits=True)


def remedies(deployer: Deployer) -> list[str]:
    return deployer.report.steps[-2]["found"]["verification"]["remedies"]


@pytest.mark.parametrize(
    ("fault", "more", "tried"),
    [
        ("stale_build", {"cured_by": "restart"}, REMEDIES[:1]),
        ("stale_build", {"cured_by": "factory"}, REMEDIES[:2]),
        ("stale_build", {}, REMEDIES),
        ("stale_snapshot", {}, REMEDIES),
        ("stale_layer", {"cured_by": "factory"}, REMEDIES[:2]),
        ("stuck_running", {"cured_by": "restart"}, REMEDIES[:1]),
        ("stuck_building", {"cured_by": "restart"}, REMEDIES[:1]),
        ("lost_first_build", {}, REMEDIES[:1]),
        ("lagging_sha", {"seconds": 1.0}, ()),
        ("sleeping", {}, ()),
        ("cut_logs", {"calls": 0}, ()),
        ("lost_answer", {}, ()),
        ("server_error", {"calls": 3}, ()),
        ("rate_limited", {"calls": 2, "seconds": 1.0}, ()),
    ],
)
def test_what_can_be_mended_is_mended(
    fault: str, more: dict[str, Any], tried: tuple[str, ...], hub: Hub, deployer: Deployer, rendered: Rendered,
    host: HuggingFaceSpaceHost, name: str,
) -> None:  # fmt: skip
    first = deploy(deployer, rendered())
    hub.faults.waiting.append(Fault(fault, name, **more))
    good = deploy(deployer, rendered(NEW))
    assert remedies(deployer) == list(tried)
    assert (good.tag, host.runtime(name).sha) == ("uic-good-2", good.sha)
    assert host.read(name, "answer.txt") == NEW.encode()
    assert ".rebuild" not in host.tree(name)
    assert good.digest != first.digest


@pytest.mark.parametrize(
    ("fault", "check", "said"),
    [
        ("build_error", "runtime", "BUILD_ERROR"),
        ("crash_loop", "runtime", "RUNTIME_ERROR"),
        ("failing_answers", "smoke", "tva"),
    ],
)
def test_what_cannot_be_mended_is_rolled_back_and_the_old_version_is_verified(
    fault: str, check: str, said: str, hub: Hub, deployer: Deployer, rendered: Rendered, host: HuggingFaceSpaceHost,
    name: str,
) -> None:  # fmt: skip
    first = deploy(deployer, rendered())
    hub.faults.waiting.append(Fault(fault, name))
    with pytest.raises(VerificationError, match=said) as failed:
        deploy(deployer, rendered(NEW))
    assert (failed.value.check, failed.value.exit_code) == (check, 13)
    assert failed.value.message.endswith("It was rolled back to uic-good-1, which was verified and runs.")
    assert {path: file.blob_id for path, file in host.tree(name).items()} == {
        path: file.blob_id for path, file in host.tree(name, first.sha).items()
    }
    runtime = host.runtime(name)
    assert (runtime.stage, runtime.sha) == ("RUNNING", host.info(name).sha)
    assert [tag.name for tag in host.tags(name)] == ["uic-good-1"]


@pytest.mark.parametrize(("mode", "said"), [
    ("empty", "the answer is empty"),
    ("length", "it ended with length, not with stop"),
    ("no paths", "has no /v1/chat/completions"),
    ("slow", "more than 1.5 s"),
])  # fmt: skip
def test_an_app_that_runs_and_answers_wrongly_is_rolled_back_with_its_variables(
    mode: str, said: str, deployer: Deployer, rendered: Rendered, host: HuggingFaceSpaceHost, name: str
) -> None:
    smoke = [{"name": "tva", "prompt": "?", "expect": {"max_latency": 1.5}}]
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
