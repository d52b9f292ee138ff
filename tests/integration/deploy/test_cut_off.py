"""Whatever happens to an apply, the next one ends where it would have ended, with one commit for one content."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.deploy.conftest import SPACE, LocalHub, Page
from unified_intelligence.entities.errors import (
    AuthenticationError,
    PaymentRequiredError,
    RateLimitedError,
    ServerBusyError,
    StalePlanError,
    UnifiedIntelligenceError,
)
from unified_intelligence.spaces.actions import Action
from unified_intelligence.spaces.apply import apply
from unified_intelligence.spaces.plan import make_plan
from unified_intelligence.spaces.render import RenderedSpace
from unified_intelligence.spaces.simulator.faults import Fault

ROOT = Path(__file__).parents[3]
ROUNDS = 20
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content:DeprecationWarning")  # of the client's own upload by LFS


def deployed(local: LocalHub, rendered: RenderedSpace) -> str:
    return apply(local.host, make_plan(local.host, rendered), rendered, sleep=lambda _: None).sha


def test_killed_at_random_moments_it_is_finished_by_the_next(local: LocalHub) -> None:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}", "HF_HOME": str(local.hub.folder)}
    program = [sys.executable, "-m", "tests.integration.deploy.killed_applies", local.url, "7", str(ROUNDS)]
    done = subprocess.run(program, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, done.stderr
    rounds = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(rounds) == ROUNDS
    assert [each for each in rounds if each["left"]] == []
    assert sum(each["killed"] for each in rounds) >= ROUNDS // 6  # how far each came is chance
    # One commit of the Hub's own, one for the content before the rounds, one for each round's.
    assert len(local.commits()) == ROUNDS + 2
    assert local.commits()[0] == rounds[-1]["sha"]


def test_interrupted_after_any_action_it_goes_on_from_there(local: LocalHub, page: Page) -> None:
    first = page(variables={"A": "1", "GONE": "x"}, visibility="private")
    deployed(local, first)
    wanted = page({"index.html": b"new"}, variables={"A": "2", "B": "3"}, hardware="t4-small", visibility="public")
    actions = make_plan(local.host, wanted).actions
    assert len(actions) == 6
    for count in range(1, len(actions) + 1):
        left = [count]

        def interrupt(_: Action, left: list[int] = left) -> None:
            left[0] -= 1
            if not left[0]:
                raise KeyboardInterrupt

        before = len(local.commits())
        with pytest.raises(KeyboardInterrupt):
            apply(local.host, make_plan(local.host, wanted), wanted, done=interrupt)
        assert make_plan(local.host, wanted).actions == actions[count:]
        deployed(local, wanted)
        assert make_plan(local.host, wanted).is_empty
        assert len(local.commits()) == before + 1
        deployed(local, first)


def test_a_commit_whose_answer_is_lost_is_found_and_not_made_twice(local: LocalHub, page: Page) -> None:
    deployed(local, page())
    local.hub.faults.waiting.append(Fault("lost_answer"))
    rendered = page({"index.html": b"arrived"})
    sha = deployed(local, rendered)
    assert local.commits()[0] == sha and len(local.commits()) == 3
    assert make_plan(local.host, rendered).is_empty


@pytest.mark.parametrize(
    ("fault", "error", "code", "hint"),
    [
        (Fault("payment_required"), PaymentRequiredError, 4, "PRO"),
        (Fault("forbidden"), AuthenticationError, 4, "write access"),
        (Fault("conflict"), StalePlanError, 12, "uic space plan"),
        (Fault("rate_limited", seconds=3600, calls=0), RateLimitedError, 5, "3600 s"),
        (Fault("server_error", calls=0), ServerBusyError, 6, "Try again"),
    ],
)
def test_a_refusal_is_its_own_error_and_creates_nothing(
    local: LocalHub, page: Page, fault: Fault, error: type[UnifiedIntelligenceError], code: int, hint: str
) -> None:
    rendered = page(variables={"A": "1"}, hardware="t4-small")
    plan = make_plan(local.host, rendered)
    local.hub.faults.waiting.append(fault)
    with pytest.raises(error) as raised:
        apply(local.host, plan, rendered, sleep=lambda _: None)
    assert raised.value.exit_code == code and hint in raised.value.hint
    local.hub.faults.clear()
    assert local.hub.names("spaces") == []
    deployed(local, rendered)
    assert make_plan(local.host, rendered).is_empty


@pytest.mark.parametrize("fault", ["rate_limited", "server_error"])
def test_a_failure_that_passes_is_tried_again(local: LocalHub, page: Page, fault: str) -> None:
    rendered = page(variables={"A": "1"})
    deployed(local, page())
    local.hub.faults.waiting.append(Fault(fault, seconds=1, calls=2))
    deployed(local, rendered)
    assert make_plan(local.host, rendered).is_empty


def test_somebody_who_commits_in_between_is_not_overwritten(local: LocalHub, page: Page) -> None:
    deployed(local, page())
    rendered = page({"index.html": b"mine"})
    plan = make_plan(local.host, rendered)
    local.hub.faults.waiting.append(Fault("overtaken"))
    with pytest.raises(StalePlanError, match="412"):
        apply(local.host, plan, rendered)
    assert "somebody-else.txt" in local.host.tree(SPACE)
    assert local.host.read(SPACE, "index.html") != b"mine"
    again = make_plan(local.host, rendered)
    assert again.commit is not None and ("removed", "somebody-else.txt") in {
        (each.kind, each.path) for each in again.commit.files
    }
