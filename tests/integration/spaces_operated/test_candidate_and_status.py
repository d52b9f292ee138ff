"""A candidate is proven before the Space itself is touched; and what drifts is seen."""

from __future__ import annotations

import asyncio

import pytest

from tests.integration.spaces_operated.conftest import Rendered, deploy
from unified_intelligence.adapters.spaces.hugging_face_space_host import HuggingFaceSpaceHost
from unified_intelligence.entities.errors import ConfigurationError, VerificationError
from unified_intelligence.entities.generation import GenerationConfig
from unified_intelligence.entities.space import AddFile, NewCommit, NewSecret
from unified_intelligence.interfaces.text_generator import ITextGenerator
from unified_intelligence.spaces.deployer import Deployer
from unified_intelligence.spaces.simulator.faults import Fault
from unified_intelligence.spaces.simulator.hub import Hub
from unified_intelligence.spaces.spec import SpaceSpec
from unified_intelligence.spaces.status import Drift, status_of

CANDIDATE = {"strategy": "candidate", "suite": "taxes"}


class Suite:
    """Asks the generator it is handed, and is passed where the answer has a word."""

    def __init__(self, word: str) -> None:
        self.word = word
        self.answers: list[str] = []

    async def __call__(self, suite: str, generator: ITextGenerator) -> str:
        answer = await generator.agenerate("15 % de 240 € ?", GenerationConfig(max_tokens=20))
        self.answers.append(answer.text)
        if self.word not in answer.text:
            raise VerificationError("evaluation", f"{suite}: 0 of 1 right.")
        return f"{suite}: 1 of 1 right"


def test_the_same_bytes_are_promoted_and_the_candidate_is_paused(
    deployer: Deployer, host: HuggingFaceSpaceHost, rendered: Rendered, name: str
) -> None:
    deployer.evaluate = suite = Suite("36 €")
    good = deploy(deployer, rendered(rollout=CANDIDATE))
    there = host.tree(f"{name}-candidate")
    assert {path: file.blob_id for path, file in there.items()} == {
        path: file.blob_id for path, file in host.tree(name).items()
    }
    assert host.info(f"{name}-candidate").visibility == "private"
    assert host.runtime(f"{name}-candidate").stage == "PAUSED"
    assert (host.runtime(name).stage, good.tag) == ("RUNNING", "uic-good-1")
    assert suite.answers == ["Oui : 240 €, dont 36 € de taxe 🙂\n\u2028fin "]
    assert host.tags(f"{name}-candidate") == []
    again = deploy(deployer, rendered("deux : 36 €", rollout=CANDIDATE))
    assert (again.tag, host.runtime(f"{name}-candidate").stage) == ("uic-good-2", "PAUSED")


def test_a_candidate_that_fails_leaves_the_space_untouched(
    hub: Hub, deployer: Deployer, host: HuggingFaceSpaceHost, rendered: Rendered, name: str
) -> None:
    deployer.evaluate = Suite("36 €")
    first = deploy(deployer, rendered(rollout=CANDIDATE))
    hub.faults.waiting.append(Fault("failing_answers", f"{name}-candidate"))
    with pytest.raises(VerificationError) as failed:
        deploy(deployer, rendered("deux : 36 €", rollout=CANDIDATE))
    assert failed.value.message.endswith(f"That is the candidate; {name} was not touched.")
    hub.faults.clear(commits=True)
    with pytest.raises(VerificationError, match="taxes: 0 of 1 right") as failed:
        deploy(deployer, rendered("trois : 37 €", rollout=CANDIDATE, smoke=[]))
    assert failed.value.check == "evaluation"
    assert host.info(name).sha == first.sha
    assert host.runtime(f"{name}-candidate").stage == "PAUSED"


def test_a_suite_that_nobody_can_run_stops_everything_before_it_begins(
    deployer: Deployer, host: HuggingFaceSpaceHost, rendered: Rendered, name: str
) -> None:
    with pytest.raises(ConfigurationError, match="names the suite taxes"):
        deploy(deployer, rendered(rollout=CANDIDATE))
    with pytest.raises(Exception, match="not"):
        host.info(name)


def drifts(deployer: Deployer, spec: SpaceSpec) -> list[tuple[str, str]]:
    status = asyncio.run(status_of(deployer.host, deployer.visitor, spec))
    return [(one.where, one.what) for one in status.drifts]


def test_what_drifts_is_named(deployer: Deployer, host: HuggingFaceSpaceHost, rendered: Rendered, name: str) -> None:
    space = rendered(variables={"COLOUR": "bleu ciel"})
    good = deploy(deployer, space)
    status = asyncio.run(status_of(host, deployer.visitor, space.spec))
    assert (status.good, status.stage, status.running, status.drifts) == ("uic-good-1", "RUNNING", good.sha, ())

    host.set_variable(name, "COLOUR", "noir\u2028!")
    host.set_variable(name, "NEW", "")
    host.set_secret(name, NewSecret("TOKEN", "x-canary-x"))
    host.set_visibility(name, "public")
    host.set_hardware(name, "cpu-upgrade")
    change = (AddFile("answer.txt", b"autre 36"), AddFile("autre.txt", b"1"))
    host.commit(name, NewCommit("Somebody else", change, good.sha))
    found = asyncio.run(status_of(host, deployer.visitor, space.spec)).drifts
    assert {(one.where, one.what) for one in found} >= {
        ("files", "answer.txt"), ("files", "autre.txt"), ("variable", "COLOUR"), ("variable", "NEW"),
        ("secret", "TOKEN"), ("visibility", ""), ("hardware", ""),
    }  # fmt: skip
    assert Drift("variable", "COLOUR", "bleu ciel", "noir\u2028!") in found
    assert "x-canary-x" not in repr(found)


def test_code_that_runs_and_was_not_pushed_is_drift(
    hub: Hub, deployer: Deployer, host: HuggingFaceSpaceHost, rendered: Rendered, name: str
) -> None:
    first = deploy(deployer, rendered())
    hub.faults.waiting.append(Fault("stale_build", name))
    change = (AddFile("answer.txt", b"autre 36"),)
    host.commit(name, NewCommit("Somebody else", change, first.sha))
    assert ("version", "the commit that runs") in drifts(deployer, rendered().spec)
