"""Every scenario of the matrix, asked in three ways: nothing wrong passes for an answer, and no failure is a riddle.

The calls run beside each other before the first test, which only look at what came of them.
"""

from __future__ import annotations

import logging
from collections.abc import Generator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from tests.faults.answers import PARTIAL
from tests.faults.drivers import CANARY, HUB_CANARY, WAYS, Everything, Outcome, outcome_of
from tests.faults.matrix import FAULTS, MATRIX
from tests.faults.scenarios import NAMES
from unified_intelligence.cli.main import EXIT_CODES
from unified_intelligence.entities.errors import TimedOutError, UnifiedIntelligenceError

SLACK: Mapping[str, float] = {"sync": 3.0, "async": 3.0, "command": 8.0}  # a loaded machine, the start of a process
AT_ONCE = 8
GRAIN = 0.005  # seconds by which two clocks may differ
LONGEST_SENTENCE = 900

Outcomes = Mapping[tuple[str, str], Future[Outcome]]
every_call = pytest.mark.parametrize(("way", "name"), [(way, name) for way in WAYS for name in NAMES])


@pytest.fixture(scope="module")
def log() -> Generator[Everything]:
    everything, root = Everything(), logging.getLogger()
    level = root.level
    root.addHandler(everything)
    root.setLevel(1)
    yield everything
    root.removeHandler(everything)
    root.setLevel(level)


@pytest.fixture(scope="module")
def outcomes(request: pytest.FixtureRequest, log: Everything) -> Generator[Outcomes]:
    """Only the calls that the selected tests want, the longest of them first."""
    calls = [getattr(item, "callspec", None) for item in request.session.items]
    chosen: list[dict[str, str]] = [call.params for call in calls if call is not None]
    wanted = {(params["way"], params["name"]) for params in chosen if {"way", "name"} <= params.keys()}
    order = sorted(wanted, key=_longest_first)
    pool = ThreadPoolExecutor(AT_ONCE)
    yield {(way, name): pool.submit(outcome_of, name, way) for way, name in order}
    pool.shutdown(cancel_futures=True)


def _longest_first(call: tuple[str, str]) -> tuple[float, str, str]:
    return -MATRIX[call[1]].limit, *call


@pytest.fixture
def outcome(outcomes: Outcomes, way: str, name: str) -> Outcome:
    return outcomes[way, name].result(timeout=300)


def test_every_scenario_has_a_row_and_there_are_enough() -> None:
    assert set(NAMES) == set(MATRIX)
    assert len(FAULTS) >= 45
    assert len(NAMES) - len(FAULTS) >= 5


@every_call
def test_it_ends_as_it_must(outcome: Outcome, way: str, name: str) -> None:
    expected = MATRIX[name]
    assert outcome.server_broke == []
    if way == "command":
        _check_process(outcome, name)
    elif expected.errors:
        assert isinstance(outcome.error, expected.errors), outcome.said
        assert isinstance(outcome.error, UnifiedIntelligenceError)
        assert outcome.partial == outcome.text
        assert outcome.finish == ""
        assert outcome.error.hint
        if isinstance(outcome.error, TimedOutError) and expected.timer:
            assert outcome.error.which == expected.timer
    else:
        assert outcome.error is None, outcome.said
        assert (outcome.reasoning, outcome.finish) == (expected.reasoning, expected.finish)
    if expected.arguments is not None:
        assert expected.arguments in (outcome.err, *(call.arguments for call in outcome.calls))[-1]
    shown = outcome.text.replace(expected.text, "") if expected.repeats and outcome.text else outcome.text
    assert shown == ("" if expected.repeats else expected.text)
    for words in expected.says:
        assert words in outcome.sentence
    if expected.errors:
        assert 10 <= len(outcome.sentence) <= LONGEST_SENTENCE
        assert [sign for sign in expected.never if sign in outcome.sentence] == []


@every_call
def test_it_asks_as_often_and_as_soon_as_is_right(outcome: Outcome, way: str, name: str) -> None:
    expected = MATRIX[name]
    least, most = expected.requests
    assert least <= outcome.requests <= most
    assert outcome.connections == (outcome.connections if expected.connections is None else expected.connections)
    assert outcome.paths <= {"/v1/chat/completions"}
    assert min(outcome.pauses, default=expected.pause) >= expected.pause - GRAIN
    assert outcome.seconds <= expected.limit + 0.5 + SLACK[way]
    if PARTIAL in outcome.text and expected.errors:
        assert outcome.requests == 1


@every_call
def test_no_key_is_told(outcome: Outcome, log: Everything, way: str, name: str) -> None:
    if outcome.requests:
        assert outcome.keys_sent == {f"Bearer {CANARY}"}
    assert outcome.hub_keys <= {f"Bearer {HUB_CANARY}"}
    told = outcome.said + "\n".join(log.lines)
    assert CANARY not in told
    assert HUB_CANARY not in told


def _check_process(outcome: Outcome, name: str) -> None:
    expected = MATRIX[name]
    assert "Traceback" not in outcome.err
    assert "Something went wrong" not in outcome.err
    assert outcome.code in EXIT_CODES
    if expected.errors:
        assert outcome.code in {error.exit_code for error in expected.errors}, outcome.err
        assert outcome.err.count("Error: ") == 1
    else:
        assert (outcome.code, "Error: " in outcome.err) == (0, False), outcome.err
        assert expected.reasoning in outcome.reasoning
