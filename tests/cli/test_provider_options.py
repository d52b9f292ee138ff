"""Where a server is and with which key: flags, variables, files, rows of one's own; what a project may not say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.serving_provider import Wired, digest, wired
from tests.cli.uic_program import Install, Run

KEY = "sk-cAnArY0123456789abcdefXYZ"
URL = "http://127.0.0.1:8000/v1"


@pytest.fixture
def program(environment: dict[str, str], plugin: Install) -> Wired:
    return wired(environment, plugin)


@pytest.fixture
def user(home: Path) -> Path:
    return home / "xdg/unified-intelligence/config.json"


@pytest.fixture
def project(home: Path) -> Path:
    return home / "work/config.json"


def row(path: Path, name: str = "wired", **options: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"providers": {name: options}}, indent=0))
    return path


def test_the_flags_are_the_providers_options(program: Wired) -> None:
    flags = ["--base-url", URL, "--key", "env:MINE", "--timeout", "2.5", "--retries", "0", "--wait", "7"]
    assert program.given(*flags, MINE=KEY) == {
        "base_url": URL, "model": "small", "timeout": 2.5, "retries": 0, "wait": 7.0, "insecure": False,
        "key": digest(KEY), "hf_token": None,
    }  # fmt: skip


@pytest.mark.parametrize("flag", ["--base-url", "--key", "--timeout", "--retries", "--wait"])
def test_a_provider_without_the_option_refuses_the_flag(uic: Run, flag: str) -> None:
    ran = uic("-q", "x", flag, "41")
    option = flag[2:].replace("-", "_")
    sentence = f"Error: The provider echo has no option {option}, so {flag} cannot be used.\n"
    assert (ran.code, ran.out) == (3, "")
    assert ran.err.startswith(sentence)
    assert "41" not in ran.err


def test_the_same_option_twice(program: Wired) -> None:
    ran = program.run("-q", "x", "--base-url", URL, "-o", "base_url", URL)
    assert ran.code == 2
    assert "The base_url was given twice: with --base-url and with -o base_url." in ran.err


def test_what_is_missing_is_asked_for_by_its_flag(program: Wired) -> None:
    assert "needs base_url.\n       Give --base-url ..." in program.run("-q", "x").err


def test_every_layer_outweighs_the_ones_below(program: Wired, user: Path, project: Path, home: Path) -> None:
    assert program.given("--base-url", URL)["timeout"] == 30.0
    row(user, base_url="http://user", timeout=1, retries=1)
    assert program.given()["base_url"] == "http://user"
    row(project, base_url="http://project", retries=3)
    found = program.given()
    assert (found["base_url"], found["timeout"], found["retries"]) == ("http://project", 1.0, 3)
    named = str(row(home / "named.json", base_url="http://named"))
    assert program.given("--config", named)["base_url"] == "http://named"
    assert program.given("--config", named, WIRED_URL="http://variable")["base_url"] == "http://variable"
    assert program.given("--base-url", "http://flag", WIRED_URL="http://variable")["base_url"] == "http://flag"


def test_a_variable_holds_the_key_itself(program: Wired) -> None:
    found = program.given(WIRED_URL=URL, WIRED_KEY=KEY + "\n", WIRED_TOKEN="hf_" + KEY)
    assert (found["key"], found["hf_token"]) == (digest(KEY), digest("hf_" + KEY))
    assert program.given("--key", "env:OTHER", WIRED_URL=URL, WIRED_KEY=KEY, OTHER="other")["key"] == digest("other")


def test_config_show_tells_where_each_comes_from(program: Wired, user: Path) -> None:
    row(user, base_url="http://user", hf_token="env:T")
    ran = program.run("config", "show", "--origin", "--json", WIRED_KEY=KEY)
    shown = json.loads(ran.out)
    assert shown["providers.wired.key"] == {"value": "***", "origin": "environment WIRED_KEY"}
    assert shown["providers.wired.hf_token"] == {"value": "***", "origin": f"{user}:5"}
    assert shown["providers.wired.base_url"] == {"value": "http://user", "origin": f"{user}:4"}
    assert "$WIRED_URL" in program.run("providers", "wired").out


def test_a_key_in_a_file_of_its_owner(program: Wired, user: Path, home: Path) -> None:
    place = home / "a key.txt"
    place.write_text(f"{KEY}\n")
    place.chmod(0o600)
    assert program.given("--base-url", URL, "--key", f"file:{place}")["key"] == digest(KEY)
    row(user, base_url=URL, key="file:~/a key.txt")
    assert program.given()["key"] == digest(KEY)
    place.chmod(0o640)
    ran = program.run("-q", "x")
    assert ran.code == 3
    assert f"({user}:5) is in the file {place}, which others can read" in ran.err
    assert f"chmod 600 '{place}'" in ran.err


@pytest.mark.parametrize("where", ["--key", "-o", "user", "named"])
@pytest.mark.parametrize("literal", [KEY, f"bearer:{KEY}", ""])
def test_a_key_itself_is_refused(program: Wired, user: Path, home: Path, where: str, literal: str) -> None:
    path = {"user": user, "named": home / "n.json"}.get(where)
    given = {"--key": ["--key", literal], "-o": ["-o", "key", literal], "named": ["--config", str(path)]}
    if path:
        row(path, base_url=URL, key=literal)
    ran = program.run("-q", "x", "--base-url", URL, *given.get(where, []))
    origin = f"{path}:5" if path else f"flag {'--key' if where == '--key' else '-o key'}"
    assert (ran.code, ran.out) == (3, "")
    assert f"The key of wired ({origin}) is no reference to a key" in ran.err
    assert "Write where the key is: env:NAME, file:PATH or keyring:SERVICE/USER." in ran.err
    assert KEY not in ran.err


@pytest.mark.parametrize("value", [12345678, True, [KEY], {"a": KEY}])
def test_a_key_that_is_no_text_is_refused_and_not_shown(program: Wired, user: Path, value: object) -> None:
    row(user, base_url=URL, key=value)
    ran = program.run("-q", "x")
    assert (ran.code, "is no reference to a key" in ran.err) == (3, True)
    assert "12345678" not in ran.err
    assert KEY not in ran.err


BROKEN = [
    ["--key", f"env:{KEY}"], ["--key", "env:hf_cAnArY0123456789abcdefXYZ"], ["--key", "env:"], ["--key", f"file:{KEY}"],
    ["--key", "file:/"], ["--key", f"keyring:{KEY}"], ["--key", f"keyring:x/{KEY}"], ["--key", "env:TWO_LINES"],
    ["--key", "env:ACCENTS"], ["-o", "key", KEY], ["-o", "kye", KEY], ["-o", "insecure", "perhaps"],
    ["--timeout", "soon"], ["-o", "fail", "init"], ["-o", "fail", "later"],
]  # fmt: skip


@pytest.mark.parametrize("arguments", BROKEN, ids=" ".join)
def test_no_failure_shows_a_key(program: Wired, arguments: list[str]) -> None:
    variables = {"TWO_LINES": f"{KEY}\n{KEY}", "ACCENTS": f"{KEY}é", "WIRED_KEY": KEY, "WIRED_TOKEN": f"hf_{KEY}"}
    for format_ in ("text", "json", "jsonl"):
        for debug in ("", "1"):
            asked = ["-q", "ça va ? 🎈", "--base-url", URL, "--format", format_, *arguments]
            ran = program.run(*asked, **variables, UIC_DEBUG=debug)
            assert ran.code in {1, 3}
            assert "cAnArY" not in ran.out + ran.err
            if "fail" in arguments:
                assert ("Traceback" in ran.err) == bool(debug)


def test_nothing_that_is_shown_shows_a_key(program: Wired, user: Path, project: Path) -> None:
    row(user, "mine", type="calling", base_url=URL, key=KEY)
    row(project, hf_token=KEY)
    for arguments in (
        ["config", "show", "--origin"],
        ["config", "show", "--json"],
        ["providers"],
        ["providers", "mine"],
    ):
        for json_ in ([], ["--json"]):
            ran = program.run(*arguments, *json_, WIRED_KEY=KEY)
            assert ran.code == 0
            assert "cAnArY" not in ran.out + ran.err


def test_a_variable_that_is_not_set_is_named_if_it_is_surely_a_name(program: Wired) -> None:
    ran = program.run("-q", "x", "--base-url", URL, "--key", "env:VLLM_KEY")
    assert (ran.code, ran.out) == (3, "")
    assert "(flag --key) names the environment variable VLLM_KEY, which is not set." in ran.err


@pytest.mark.parametrize("option", ["base_url", "insecure"])
def test_a_key_is_not_sent_where_a_projects_file_says(program: Wired, project: Path, user: Path, option: str) -> None:
    chosen: dict[str, object] = {"base_url": "http://evil", "insecure": True}
    project.write_text(json.dumps({"providers": {"wired": {option: chosen[option]}}}, indent=0))
    row(user, base_url=URL, key="env:MINE")
    for variables in ({"MINE": KEY}, {"MINE": KEY, "WIRED_KEY": KEY}, {"MINE": KEY, "WIRED_TOKEN": KEY}):
        ran = program.run("-q", "x", **variables)
        assert (ran.code, ran.out) == (3, "")
        assert f"{project}:4: a project's file gives {option} of wired, so the " in ran.err
        assert "--key env:NAME" in ran.err or "-o hf_token env:NAME" in ran.err
    assert program.given("--key", "env:MINE", MINE=KEY)["key"] == digest(KEY)
    if option == "base_url":
        row(user)
        assert program.given()["base_url"] == "http://evil"
        assert program.given("--base-url", URL, WIRED_KEY=KEY)["key"] == digest(KEY)


def test_a_project_may_choose_model_and_numbers(program: Wired, project: Path) -> None:
    row(project, model="big", timeout=5)
    found = program.given(WIRED_URL=URL, WIRED_KEY=KEY)
    assert (found["model"], found["timeout"], found["key"]) == ("big", 5.0, digest(KEY))


def test_a_projects_file_may_not_name_a_key(program: Wired, project: Path, user: Path) -> None:
    row(project, key="env:AWS_SECRET")
    row(user, base_url=URL)
    ran = program.run("-q", "x", AWS_SECRET=KEY)
    assert ran.code == 3
    assert f"{project}:4: a project's file may not say which key is used for wired." in ran.err
    assert program.given("--key", "env:MINE", MINE=KEY)["key"] == digest(KEY)


def test_a_project_cannot_send_the_key_of_the_users_row_elsewhere(program: Wired, project: Path, user: Path) -> None:
    row(user, "mine", type="calling", base_url=URL, key="env:MINE")
    row(project, "mine", type="wired")
    ran = program.run("-q", "x", "-P", "mine", MINE=KEY)
    assert ran.code == 3
    assert f"{project}:4: a project's file gives type of mine" in ran.err


def test_the_projects_file_named_on_the_command_line_is_trusted(program: Wired, project: Path) -> None:
    row(project, base_url=URL, key="env:MINE")
    assert program.run("-q", "x", MINE=KEY).code == 3
    assert program.given("--config", str(project), MINE=KEY)["key"] == digest(KEY)


@pytest.mark.parametrize("kind", ["wired", "calling"])
def test_a_row_of_ones_own(program: Wired, user: Path, kind: str) -> None:
    """It has the row defaults of its type, and none of the type's variables."""
    row(user, "my_vllm", type=kind, base_url=URL, model="Qwen/Qwen3-8B", key="env:VLLM_KEY")
    found = program.given("-P", "my_vllm", VLLM_KEY=KEY, WIRED_TOKEN="hf_other", WIRED_URL="http://other")
    assert found == {
        "base_url": URL, "model": "Qwen/Qwen3-8B", "timeout": 30.0 if kind == "wired" else 60.0, "retries": 2,
        "wait": 0.0, "insecure": False, "key": digest(KEY), "hf_token": None,
    }  # fmt: skip
    answer = json.loads(program.run("-q", "x", "-P", "my_vllm", "--format", "json", VLLM_KEY=KEY).out)
    assert (answer["provider"], answer["model"]) == ("my_vllm", "Qwen/Qwen3-8B")
    listed = json.loads(program.run("providers", "--json").out)
    (mine,) = [line for line in listed if line["name"] == "my_vllm"]
    assert mine["summary"] == f"{kind}, configured in {user}:4"
    assert not mine["built_in"]
    assert "seconds in all" in program.run("providers", "my_vllm").out
    assert f"providers.my_vllm.type      {json.dumps(kind)}" in program.run("config", "show").out
    ran = program.run("-q", "x", "-P", "my_vlm")
    assert "Did you mean my_vllm?" in ran.err


def test_a_row_of_an_unknown_type(program: Wired, user: Path) -> None:
    row(user, "mine", type="wirde", base_url=URL)
    for arguments in (["-q", "x", "-P", "mine"], ["providers"], ["providers", "mine"]):
        ran = program.run(*arguments)
        assert (ran.code, ran.out) == (3, "")
        assert f"Error: {user}:4: There is no type of provider 'wirde'. Did you mean wired?" in ran.err
    assert program.given("--base-url", URL)["base_url"] == URL


def test_a_row_without_a_type(program: Wired, user: Path) -> None:
    row(user, "mine", base_url=URL)
    ran = program.run("-q", "x", "-P", "mine")
    assert ran.code == 3
    assert 'providers.mine in your configuration has no "type"' in ran.err


def test_a_built_in_name_stays_what_it_is(program: Wired, user: Path) -> None:
    row(user, "echo", type="wired")
    ran = program.run("-q", "x")
    assert (ran.code, ran.out) == (3, "")
    assert f"{user}:4: echo is built in and cannot be of the type wired." in ran.err
    row(user, "echo", type="echo", delay=0)
    assert program.run("-q", "ça va", "-P", "echo").out == "ça va\n"


def test_a_type_is_a_text(program: Wired, user: Path) -> None:
    row(user, "mine", type=3)
    assert f"{user}:4: providers.mine.type is the name of a provider." in program.run("-q", "x").err
