"""What goes wrong with a new version of a Space that runs: mended, or rolled back. One Space, version after version."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from dataclasses import replace
from typing import Any

import pytest

from tests.integration.spaces_operated.conftest import QUICK, Rendered, deploy
from unified_intelligence.adapters.spaces.hugging_face_space_host import HuggingFaceSpaceHost
from unified_intelligence.entities.errors import VerificationError
from unified_intelligence.spaces.deployer import Deployer
from unified_intelligence.spaces.good_versions import good_versions
from unified_intelligence.spaces.running import REMEDIES
from unified_intelligence.spaces.simulator.faults import Fault
from unified_intelligence.spaces.simulator.hub import Hub


@pytest.fixture(scope="module")
def name() -> str:
    return "anne/version-apres-version"


@pytest.fixture(autouse=True)
def no_fault_is_left(hub: Hub) -> Generator[None]:
    yield
    hub.faults.clear(commits=True)


@pytest.fixture
def was_good(hub: Hub, deployer: Deployer, rendered: Rendered, host: HuggingFaceSpaceHost, name: str) -> str:
    """The tag of the version that runs when a test begins."""
    if name not in hub.names("spaces"):
        deploy(deployer, rendered())
    return good_versions(host.tags(name))[0].name


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
        ("lagging_sha", {"seconds": 0.4}, ()),
        ("sleeping", {}, ()),
        ("cut_logs", {"calls": 0}, ()),
        ("lost_answer", {}, ()),
        ("server_error", {"calls": 3}, ()),
        ("rate_limited", {"calls": 2, "seconds": 1.0}, ()),
    ],
)
def test_what_can_be_mended_is_mended(
    fault: str, more: dict[str, Any], tried: tuple[str, ...], hub: Hub, deployer: Deployer, rendered: Rendered,
    host: HuggingFaceSpaceHost, name: str, was_good: str,
) -> None:  # fmt: skip
    hub.faults.waiting.append(Fault(fault, name, **more))
    answer = f"{fault} {more} : 36 € 🎉\n"
    good = deploy(deployer, rendered(answer))
    assert deployer.report.steps[-2]["found"]["verification"]["remedies"] == list(tried)
    assert (good.tag, host.runtime(name).sha) == (f"uic-good-{int(was_good.removeprefix('uic-good-')) + 1}", good.sha)
    assert host.read(name, "answer.txt") == answer.encode()
    assert ".rebuild" not in host.tree(name)


def test_a_host_that_answers_slower_than_it_is_looked_at_is_waited_for_and_not_for_ever(
    hub: Hub, deployer: Deployer, rendered: Rendered, name: str, was_good: str
) -> None:
    assert was_good
    hub.faults.waiting.append(Fault("stale_snapshot", name))
    deployer.patience = replace(QUICK, poll=1e-6, longest_poll=0.1)
    space = rendered("lent : 36 € 🎉\n")

    async def work() -> None:
        async with asyncio.timeout(60):
            await deployer.deploy(space, await deployer.plan(space))

    asyncio.run(work())
    assert deployer.report.steps[-2]["found"]["verification"]["remedies"] == list(REMEDIES)


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
    name: str, was_good: str,
) -> None:  # fmt: skip
    first = host.info(name)
    tags = len(host.tags(name))
    hub.faults.waiting.append(Fault(fault, name))
    with pytest.raises(VerificationError, match=said) as failed:
        deploy(deployer, rendered(f"{fault} : 36 € 🎉\n"))
    assert (failed.value.check, failed.value.exit_code) == (check, 13)
    assert failed.value.message.endswith(f"It was rolled back to {was_good}, which was verified and runs.")
    assert {path: file.blob_id for path, file in host.tree(name).items()} == {
        path: file.blob_id for path, file in host.tree(name, first.sha).items()
    }
    runtime = host.runtime(name)
    assert (runtime.stage, runtime.sha) == ("RUNNING", host.info(name).sha)
    assert len(host.tags(name)) == tags
