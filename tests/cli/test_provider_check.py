"""`uic providers check`: of a Space that is there, of one that is not, and of a provider that waits for nobody."""

from __future__ import annotations

import json
from unittest.mock import ANY

import pytest

from tests.cli.uic_program import Run
from tests.faults.server import closed_port
from tests.gradio_faults import misbehaving
from tests.openai_server import Asked, Reply, echo, serving


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
    assert "uic providers check echo --ask" in ran.err
    asked = uic("providers", "check", "echo", "--ask")
    assert asked.code == 0
    assert "answer" in asked.out and "What is 15 % of 240?" in asked.out
    assert uic("providers", "check").code == 2
    assert uic("providers", "echo", "-o", "delay", "1").code == 2
    assert uic("providers", "openai_compatible", "--base-url", "http://127.0.0.1:1").code == 2


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


def keyed(asked: Asked) -> Reply:
    """A server with a key and two models, which answers nobody else."""
    if asked.headers.get("authorization") != "Bearer sk-test":
        return Reply(401, [b'{"error": {"message": "Incorrect API key."}}'], "application/json")
    if asked.path.endswith("/models"):
        listed = {"data": [{"id": "qwen3-0.6b"}, {"id": "été/🎈"}]}
        return Reply(chunks=[json.dumps(listed).encode()], content_type="application/json")
    return echo(asked)


def test_a_server_is_checked_without_a_question(uic: Run) -> None:
    flags = ("providers", "check", "openai_compatible", "--json")
    with serving(keyed) as server:
        variables = {"OPENAI_BASE_URL": server.url, "OPENAI_API_KEY": "sk-test"}
        told = json.loads(uic(*flags, **variables).out)
        assert [(asked.method, asked.path) for asked in server.asked] == [("GET", "/v1/models")]
        other = json.loads(uic(*flags, "-o", "model", "gpt", **variables).out)
        typed = ("--base-url", server.url, "--key", "env:MINE", "-m", "gpt", "--timeout", "30")
        assert json.loads(uic(*flags, *typed, MINE="sk-test").out) == {**other, "round trip": ANY}
        asked = json.loads(uic(*flags, "--ask", **variables).out)
        refused = uic(*flags, OPENAI_BASE_URL=server.url, OPENAI_API_KEY="sk-wrong")
    assert (told["address"], told["models"]) == (server.url, "qwen3-0.6b, été/🎈")
    assert told["key"] == "sent, and not refused" and told["model"] == "qwen3-0.6b"
    assert not told.keys() & {"answer", "note"}
    assert (other["model"], other["note"]) == ("gpt", "gpt is not among the models that it lists")
    assert (asked["answer"], asked["answered by"]) == ("What is 15 % of 240?", "qwen3-0.6b")
    assert (refused.code, json.loads(refused.out)["error"]["code"]) == (4, "authentication")
    gone = uic("providers", "check", "openai_compatible", "-o", "base_url", f"http://127.0.0.1:{closed_port()}/v1")
    assert (gone.code, gone.out) == (6, "") and "No connection" in gone.err
