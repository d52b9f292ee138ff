"""Several providers behind one on the command line; which key goes where, and what is said of one that is refused."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
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


@pytest.fixture
def closed_door() -> Iterator[Server]:
    """A server that wants another key, whichever it is sent."""
    with serving(lambda _: Reply(401, [b'{"error": {"message": "wrong key"}}'], "application/json")) as server:
        yield server


@pytest.fixture
def dead() -> Iterator[str]:
    """An address at which nobody listens, and nobody else can while it is held."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}/v1"


@pytest.fixture
def user(home: Path) -> Path:
    file = home / "xdg/unified-intelligence/config.json"
    file.parent.mkdir(parents=True)
    return file


def rows(file: Path, providers: Mapping[str, object], **settings: object) -> None:
    file.write_text(json.dumps({**settings, "providers": providers}, indent=0))


@pytest.mark.parametrize(
    "option", [["-o", "routes=openai_compatible,embedded"], ["-o", "routes", "openai_compatible embedded"]]
)
def test_routes_on_the_command_line(uic: Run, dead: str, option: list[str]) -> None:
    ran = uic("--provider", "fallback", *option, "--query", "What is 15% of 240?", OPENAI_BASE_URL=dead)
    assert ran.code == 0
    assert "36" in ran.out
    assert "openai_compatible cannot answer now" in ran.err
    assert "asking embedded" in ran.err


def test_a_row_of_ones_own_with_rows_of_ones_own(uic: Run, dead: str, server: Server, user: Path) -> None:
    kind = {"type": "openai_compatible", "model": "m"}
    one, two = {**kind, "base_url": dead, "key": "env:ONE"}, {**kind, "base_url": server.url, "key": "env:TWO"}
    rows(user, {"team": {"type": "fallback", "routes": ["one", "two"]}, "one": one, "two": two}, provider="team")
    ran = uic("-P", "team", "-q", QUESTION, ONE="key-one", TWO="key-two", OPENAI_API_KEY=KEY)
    assert (ran.code, ran.out) == (0, QUESTION + "\n")
    assert [asked.headers["authorization"] for asked in server.asked] == ["Bearer key-two"]
    assert json.loads(server.asked[0].body)["model"] == "m"


def test_a_general_model_is_weaker_than_a_routes_own(uic: Run, server: Server, user: Path) -> None:
    kind = {"type": "openai_compatible", "base_url": server.url}
    rows(user, {"own": {**kind, "model": "its-own"}, "any": kind})
    for route, model in (("own", "its-own"), ("any", "general")):
        ran = uic("-P", "fallback", "-o", f"routes={route}", "-q", QUESTION, UIC_MODEL="general")
        assert ran.out == QUESTION + "\n"
        assert json.loads(server.asked[-1].body)["model"] == model


def test_what_a_route_lacks_is_asked_for_where_it_can_be_given(uic: Run) -> None:
    ran = uic("-P", "fallback", "-o", "routes=openai_compatible,echo", "-q", "x")
    assert (ran.code, ran.out) == (3, "")
    assert "The route openai_compatible: It is not known where the server is" in ran.err
    assert "or set OPENAI_BASE_URL\n" in ran.err
    assert '"providers": {"openai_compatible": {...}}' in ran.err
    assert "--base-url" not in ran.err


def test_a_question_with_a_sign_of_equality_stays_whole(uic: Run) -> None:
    for arguments in (["-o", "delay=0", "--", "-o", "a=b c"], ["-o", "delay", "0", "--", "-o", "a=b c"]):
        assert uic("-P", "echo", *arguments).out == "-o a=b c\n"


def test_routes_in_a_circle_are_one_sentence(uic: Run, user: Path) -> None:
    rows(user, {"a": {"type": "fallback", "routes": ["b"]}, "b": {"type": "fallback", "routes": ["a"]}})
    ran = uic("-P", "a", "-q", "x")
    assert (ran.code, ran.out) == (3, "")
    assert "The routes of a lead in a circle: a -> b -> a." in ran.err
    assert "Traceback" not in ran.err


def test_a_wrong_key_of_a_route_is_told_and_not_gone_around(uic: Run, closed_door: Server, user: Path) -> None:
    mine = {"type": "openai_compatible", "base_url": closed_door.url, "model": "m", "key": "env:MINE"}
    rows(user, {"mine": mine})
    ran = uic("-P", "fallback", "-o", "routes=mine,echo", "-q", QUESTION, MINE=KEY)
    assert (ran.code, ran.out) == (4, "")
    assert f"{user}:7, env:MINE" in ran.err
    assert KEY not in ran.err


def test_a_projects_routes_get_no_key_for_a_projects_address(uic: Run, server: Server, home: Path) -> None:
    rows(
        home / "work/config.json",
        {"fallback": {"routes": ["openai_compatible"]}, "openai_compatible": {"base_url": server.url}},
        provider="fallback",
    )
    ran = uic("-P", "fallback", "-q", "x", OPENAI_API_KEY=KEY)
    assert (ran.code, ran.out, server.asked) == (3, "", [])
    assert "a project's file gives base_url of openai_compatible" in ran.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "The key that was sent is that of environment OPENAI_API_KEY."),
        (["--key", "env:OTHER"], "The key that was sent is that of flag --key, env:OTHER."),
        (["-P", "mine"], ":7, env:OTHER."),
        (["-P", "open"], "No key was sent."),
    ],
)
def test_a_refused_key_is_said_to_come_from_somewhere(
    uic: Run, closed_door: Server, user: Path, arguments: list[str], said: str
) -> None:
    kind = {"type": "openai_compatible", "base_url": closed_door.url, "model": "m"}
    rows(user, {"mine": {**kind, "key": "env:OTHER"}, "open": kind})
    given = arguments if "-P" in arguments else ["-P", "openai_compatible", *arguments]
    variables = {"OPENAI_BASE_URL": closed_door.url, "OPENAI_API_KEY": KEY, "OTHER": KEY}
    for format_ in ("text", "json"):
        ran = uic(*given, "-q", QUESTION, "--format", format_, **variables)
        assert ran.code == 4
        assert said in ran.err
        assert KEY not in ran.out + ran.err


def test_an_exported_key_does_not_go_to_the_address_of_a_file(uic: Run, user: Path) -> None:
    keys: list[str | None] = []

    def wants_a_key(asked: Asked) -> Reply:
        keys.append(asked.headers.get("authorization"))
        return Reply(401, [b'{"error": "who are you?"}'], "application/json")

    with serving(wants_a_key) as server:
        row = {"base_url": server.url, "model": "m"}
        rows(user, {"openai_compatible": row})
        ran = uic("-P", "openai_compatible", "-q", QUESTION, OPENAI_API_KEY=KEY)
        assert (ran.code, keys) == (4, [None])
        assert f"that of environment OPENAI_API_KEY is not meant for the address of {user}:" in ran.err
        assert '"key": "env:OPENAI_API_KEY"' in ran.err
        rows(user, {"openai_compatible": {**row, "key": "env:OPENAI_API_KEY"}})
        assert uic("-P", "openai_compatible", "-q", QUESTION, OPENAI_API_KEY=KEY).code == 4
        assert keys == [None, f"Bearer {KEY}"]
        rows(user, {"openai_compatible": row})
        assert uic("-P", "openai_compatible", "-q", QUESTION, OPENAI_BASE_URL=server.url, OPENAI_API_KEY=KEY).code == 4
        assert keys[2:] == [f"Bearer {KEY}"]


IN_PYTHON = """
import sys
from unified_intelligence import ProviderFactory, UnifiedIntelligenceError, configured_provider
name, arguments = sys.argv[1] or None, dict(pair.split("=", 1) for pair in sys.argv[2:])
try:
    print(configured_provider(name, **arguments).generate("Ça va ?  🎈"))
except UnifiedIntelligenceError as error:
    print(type(error).__name__, error.message)
try:
    ProviderFactory().create("openai_compatible")
except UnifiedIntelligenceError as error:
    print(error.message)
"""


def in_python(environment: dict[str, str], home: Path, *arguments: str, **variables: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", IN_PYTHON, *arguments],
        capture_output=True, env={**environment, **variables}, cwd=home / "work", timeout=30, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode().split("\n")


def test_in_python_one_function_reads_what_the_program_reads(
    environment: dict[str, str], home: Path, server: Server, user: Path
) -> None:
    nowhere = "It is not known where the server is: neither base_url nor space is given."
    told = in_python(environment, home, "openai_compatible", OPENAI_BASE_URL=server.url, OPENAI_API_KEY=KEY)
    assert told[:2] == ["Ça va ?  🎈", nowhere]
    assert server.asked[-1].headers["authorization"] == f"Bearer {KEY}"
    rows(user, {"mine": {"type": "openai_compatible", "base_url": server.url, "key": "env:MINE"}}, provider="mine")
    variables = {"MINE": "mine-1", "UIC_PROVIDER": ""}
    assert in_python(environment, home, "", "model=other", **variables)[0] == "Ça va ?  🎈"
    assert server.asked[-1].headers["authorization"] == "Bearer mine-1"
    assert json.loads(server.asked[-1].body)["model"] == "other"
    assert in_python(environment, home, "mine", "key=the-key-itself", **variables)[0] == "Ça va ?  🎈"
    assert server.asked[-1].headers["authorization"] == "Bearer the-key-itself"
    assert in_python(environment, home, "nobody")[0].startswith("UnknownNameError There is no provider 'nobody'.")
    assert in_python(environment, home, "mine", "colour=red", **variables)[0].startswith("UnknownNameError")
