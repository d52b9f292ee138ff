"""The command line against a server on loopback: which key arrives, where none does, and that none is repeated."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.uic_program import Run
from tests.openai_server import Asked, Reply, Server, serving

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
    assert server.asked[0].headers["authorization"] == f"Bearer {KEY}"
    assert "cAnArY" not in ran.out + ran.err
