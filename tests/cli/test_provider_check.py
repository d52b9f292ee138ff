"""`uic providers check`: of a Space that is there, of one that is not, and of a provider that waits for nobody."""

from __future__ import annotations

import json

import pytest

from tests.cli.uic_program import Run
from tests.faults.server import closed_port
from tests.gradio_faults import misbehaving


def test_a_space_that_is_there_is_described(uic: Run) -> None:
    with misbehaving() as server:
        ran = uic("providers", "check", "qwen3_zerogpu", "-o", "space", server.origin, "--json")
        shown = uic("providers", "check", "qwen3_zerogpu", QWEN3_ZEROGPU_SPACE=server.origin)
        assert not server.requests
    assert ran.code == 0
    told = json.loads(ran.out)
    assert told["provider"] == "qwen3_zerogpu"
    assert told["endpoints"] == "/generate"
    assert told["gradio"] == "6.31.0"
    assert shown.code == 0
    assert [line.split()[0] for line in shown.out.splitlines()] == ["address", "gradio", "endpoints", "round"]


def test_one_that_is_not_there_is_an_error(uic: Run) -> None:
    ran = uic("providers", "check", "qwen3_zerogpu", "-o", "space", f"http://127.0.0.1:{closed_port()}")
    assert ran.code == 6
    assert not ran.out
    assert "No connection" in ran.err


def test_a_provider_that_waits_for_nobody_says_what_to_do(uic: Run) -> None:
    ran = uic("providers", "check", "echo")
    assert ran.code == 3
    assert "uic --provider echo" in ran.err
    assert uic("providers", "check").code == 3
    assert uic("providers", "echo", "-o", "delay", "1").code == 2


def test_the_question_is_asked_with_a_variable_alone(uic: Run) -> None:
    from tests.integration.clients.test_qwen3_zerogpu_adapter import GOOD, TEXT

    with misbehaving(GOOD) as server:
        ran = uic("-P", "qwen3_zerogpu", "--query", "Explain SOLID principles", QWEN3_ZEROGPU_SPACE=server.origin)
    assert (ran.code, ran.out) == (0, f"{TEXT}\n")


@pytest.mark.parametrize("provider", ["qwen3_zerogpu", "qwen3_zerogpu_eval"])
def test_without_a_space_it_says_how_to_name_one(uic: Run, provider: str) -> None:
    ran = uic("--provider", provider, "--query", "Explain SOLID principles")
    assert ran.code == 3 and not ran.out
    assert "-o space OWNER/NAME" in ran.err and f"or set {provider.upper()}_SPACE" in ran.err
    other = uic("--provider", provider, "-o", "space", "no name", "--query", "é")
    assert other.code == 3 and "or set" not in other.err
