"""The command line against a server on loopback: which key arrives, where none does, and that none is repeated."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.uic_program import Run, command
from tests.openai_server import Asked, Reply, Server, delta, echo, says, serving, sse

KEY = "sk-cAnArY0123456789abcdefXYZ"
QUESTION = "Ça va ?\n\n  très bien 🎈\u2028fin"


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as server:
        yield server


def tells_the_key(asked: Asked) -> Reply:
    """A server that repeats what it was sent, as some do."""
    said = {"error": {"message": f"Incorrect API key provided: {asked.headers.get('authorization')}", "code": 401}}
    return Reply(401, [json.dumps(said).encode()], "application/json")


def test_the_usual_variables(uic: Run, server: Server) -> None:
    ran = uic("-P", "openai_compatible", "-q", QUESTION, OPENAI_BASE_URL=server.url, OPENAI_API_KEY=KEY)
    assert ran == (0, QUESTION + "\n", "")
    assert {asked.headers["authorization"] for asked in server.asked} == {f"Bearer {KEY}"}


def test_a_row_of_ones_own_sends_its_own_key_only(uic: Run, server: Server, home: Path) -> None:
    user = home / "xdg/unified-intelligence/config.json"
    user.parent.mkdir(parents=True)
    mine = {"type": "openai_compatible", "base_url": server.url, "model": "m", "key": "env:VLLM_KEY"}
    user.write_text(json.dumps({"providers": {"mine": mine, "open": {**mine, "key": None}}}))
    for name, expected in (("mine", "Bearer mine-4567"), ("open", None)):
        ran = uic("-P", name, "-q", QUESTION, OPENAI_API_KEY=KEY, HF_TOKEN=KEY, VLLM_KEY="mine-4567")
        assert ran == (0, QUESTION + "\n", "")
        assert server.asked[-1].headers.get("authorization") == expected
        assert KEY not in str([asked.headers for asked in server.asked])


@pytest.mark.parametrize("provider", ["openai_compatible", "open_finance_space"])
def test_nothing_is_sent_where_a_projects_file_says(uic: Run, server: Server, home: Path, provider: str) -> None:
    project = home / "work/config.json"
    project.write_text(json.dumps({"provider": provider, "providers": {provider: {"base_url": server.url}}}, indent=0))
    variables = {"OPENAI_API_KEY": KEY} if provider == "openai_compatible" else {"HF_TOKEN": KEY}
    ran = uic("-P", provider, "-q", "x", **variables)
    assert (ran.code, ran.out, server.asked) == (3, "", [])
    assert f"{project}:5: a project's file gives base_url of {provider}" in ran.err
    assert uic("-P", provider, "-q", QUESTION, "-m", "m").out == QUESTION + "\n"


@pytest.mark.parametrize("debug", ["", "1"])
@pytest.mark.parametrize("format_", ["text", "json", "jsonl"])
def test_a_server_that_repeats_the_key(uic: Run, debug: str, format_: str) -> None:
    with serving(tells_the_key) as server:
        flags = ["--base-url", server.url, "--key", "env:MINE", "--format", format_, "-m", "m"]
        ran = uic("-P", "openai_compatible", "-q", QUESTION, *flags, MINE=KEY, UIC_DEBUG=debug)
    assert ran.code == 4
    if format_ == "json":
        assert json.loads(ran.out)["error"]["provider"] == "openai_compatible"
    assert server.asked[0].headers["authorization"] == f"Bearer {KEY}"
    assert "cAnArY" not in ran.out + ran.err


def test_the_model_that_answered_is_told(uic: Run) -> None:
    def named(asked: Asked) -> Reply:
        reply = echo(asked)
        if asked.path.endswith("/models"):
            return reply
        told = sse({"id": "1", "model": "écho-1-2026", **delta(content="Ça va ? 🎈\u2028fin")})
        return Reply(chunks=[told, sse(delta("stop")), sse("[DONE]")])

    for answer, model in ((echo, "echo-1"), (named, "écho-1-2026")):
        with serving(answer) as server:
            flags = ("-P", "openai_compatible", "--base-url", server.url, "-q", QUESTION)
            whole = json.loads(uic(*flags, "--format", "json").out)
            last = json.loads(uic(*flags, "--format", "jsonl", "--tools", "finance").out.split("\n")[-2])
        assert (whole["model"], last["type"], last["model"]) == (model, "finished", model)


CALL = {"index": 0, "id": "1", "type": "function", "function": {"name": "days_between", "arguments": "{}"}}


def speaks_and_calls(asked: Asked) -> Reply:
    """Text without a newline, then a call; told its result, an answer."""
    if asked.path.endswith("/models"):
        return echo(asked)
    if asked.json["messages"][-1]["role"] == "tool":
        return Reply(chunks=says("Voilà 🎈"))
    return Reply(chunks=[sse(delta(content="Je regarde…")), sse(delta("tool_calls", tool_calls=[CALL])), sse("[DONE]")])


@pytest.mark.parametrize("tools", [(), ("--tools", "dates")])
def test_talk_begins_a_line_where_both_streams_are_one(
    environment: dict[str, str], home: Path, tools: tuple[str, ...]
) -> None:
    with serving(speaks_and_calls) as server:
        asked = command("-P", "openai_compatible", "--base-url", server.url, "-q", QUESTION, *tools)
        joined, apart = (
            subprocess.run(
                asked, stdout=subprocess.PIPE, stderr=err, env=environment, cwd=home, check=True, timeout=120
            )
            for err in (subprocess.STDOUT, subprocess.PIPE)
        )
    lines = joined.stdout.decode().splitlines()
    assert lines[0] == "Je regarde…"
    if tools:
        assert lines[1].startswith('days_between({}) = {"error"') and lines[-1] == "Voilà 🎈"
        assert apart.stdout.decode() == "Je regarde…\n\nVoilà 🎈\n"
    else:
        assert lines[1:] == ["The model asks for days_between({})."]
        assert apart.stdout.decode() == "Je regarde…\n"
