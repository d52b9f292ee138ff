"""Each layer outweighs the ones below it, and `uic config show --origin` tells which one spoke."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.uic_program import Install, Run


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


def origin(uic: Run, key: str, *arguments: str, **variables: str) -> tuple[object, str]:
    shown = json.loads(uic("config", "show", "--origin", "--json", *arguments, **variables).out)[key]
    return shown["value"], shown["origin"]


def test_every_layer_outweighs_the_ones_below(uic: Run, home: Path) -> None:
    assert origin(uic, "max_tokens") == (None, "default")
    user = write(home / "xdg/unified-intelligence/config.json", '{"max_tokens": 1}')
    assert origin(uic, "max_tokens") == (1, f"{user}:1")
    project = write(home / "work/config.json", '{\n  "provider": "echo",\n  "max_tokens": 2\n}')
    assert origin(uic, "max_tokens") == (2, f"{project}:3")
    named = write(home / "named.json", '{\n"max_tokens": 3}')
    assert origin(uic, "max_tokens", "--config", str(named)) == (3, f"{named}:2")
    assert origin(uic, "max_tokens", UIC_CONFIG=str(named)) == (3, f"{named}:2")
    assert origin(uic, "max_tokens", "--config", str(named), UIC_MAX_TOKENS="4") == (4, "environment UIC_MAX_TOKENS")
    asked = ["-q", "1 2 3 4 5 6 7", "--config", str(named)]
    assert uic(*asked, UIC_MAX_TOKENS="4").out == "1 2 3 4\n"
    assert uic(*asked, "--max-tokens", "5", UIC_MAX_TOKENS="4").out == "1 2 3 4 5\n"


def test_null_leaves_it_to_the_layer_below(uic: Run, home: Path) -> None:
    write(home / "xdg/unified-intelligence/config.json", '{"max_tokens": 1}')
    write(home / "work/config.json", '{"provider": "echo", "max_tokens": null}')
    assert origin(uic, "max_tokens")[0] == 1


def test_the_users_file_without_xdg(uic: Run, home: Path) -> None:
    user = write(home / ".config/unified-intelligence/config.json", '{"seed": 7}')
    assert origin(uic, "seed", XDG_CONFIG_HOME="") == (7, f"{user}:1")


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("UIC_STREAM", "off", False), ("UIC_STRICT", "1", True), ("UIC_TEMPERATURE", "0", 0.0), ("UIC_SEED", "-3", -3),
        ("UIC_TOOLS", "finance, units", ["finance", "units"]), ("UIC_SYSTEM", "Réponds.", "Réponds."),
        ("UIC_THINK", "hide", "hide"), ("UIC_FORMAT", "text", "text"), ("UIC_THINKING", "no", False),
        ("UIC_TOP_P", "0.5", 0.5), ("UIC_MODEL", "m", "m"),
    ],
)  # fmt: skip
def test_the_environment_is_read_into_types(uic: Run, name: str, text: str, value: object) -> None:
    key = name.removeprefix("UIC_").lower()
    assert origin(uic, key, **{name: text}) == (value, f"environment {name}")


def test_a_wrong_value_in_the_environment(uic: Run) -> None:
    ran = uic("-q", "x", UIC_MAX_TOKENS="a lot")
    assert ran == (3, "", 'Error: The environment variable UIC_MAX_TOKENS is a whole number from 1, not "a lot".\n')


def test_a_misspelt_variable_is_refused_and_one_of_another_program_is_not(uic: Run) -> None:
    ran = uic("-q", "x", UIC_PROVDER="embedded")
    assert (ran.code, ran.out) == (3, "")
    assert "There is no environment variable 'UIC_PROVDER'. Did you mean UIC_PROVIDER?" in ran.err
    assert "unset UIC_PROVDER" in ran.err
    assert uic("-q", "x", UIC_BENCH_SWEEP="1", UIC_TEST_DATA="é").out == "x\n"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('{\n  "provider": echo}', ":2:15 is not JSON:"),
        ('{\n  "provider" "echo"}', ":2:14 is not JSON:"),
        ('{"provider": "echo",\n"max_tokns": 3}', ":2: There is no setting 'max_tokns'. Did you mean max_tokens?"),
        ('{"provider": "echo",\n\n"max_tokens": "3"}', ':3: max_tokens is a whole number from 1, not "3".'),
        ('{"provider": "echo",\n"stream": 1}', ":2: stream is true or false, not 1."),
        ('{"provider": "echo",\n"max_tokens": true}', ":2: max_tokens is a whole number from 1, not true."),
        ('{"provider": "echo",\n"tools": ["units", 1]}', ':2: tools is a list of texts, not ["units", 1].'),
        ('{"provider": "echo",\n"top_p": 3}', ":2: top_p is a number from 0 to 1, not 3.0."),
        ('{"provider": "echo",\n"think": "loud"}', ':2: think is one of show, hide, only, not "loud".'),
        ('{"provider": 3}', ":1: provider is a text, not 3."),
        ('{"providers": 3}', ":1: providers is an object"),
        ('{"providers": {\n"echo": 3}}', ":2: providers.echo is an object of options"),
        ('{"seed": 1, "seed": 2}', "the key 'seed' is given twice"),
    ],
)
def test_a_wrong_file_is_told_with_its_place(uic: Run, home: Path, text: str, sentence: str) -> None:
    path = write(home / "work/config.json", text)
    ran = uic("-q", "x")
    assert (ran.code, ran.out) == (3, "")
    assert str(path) in ran.err
    assert sentence in ran.err


@pytest.mark.parametrize("data", [b'{"seed": "\xff"}', b"[1]"])
def test_a_named_file_that_is_no_object_of_text(uic: Run, home: Path, data: bytes) -> None:
    path = home / "c.json"
    path.write_bytes(data)
    ran = uic("-q", "x", "--config", str(path))
    assert ran.code == 3
    assert str(path) in ran.err


@pytest.mark.parametrize(
    "text", ['{"architectures": ["Q"], "hidden_size": 8, "temperature": "hot"}', "{not json at all"]
)
def test_another_programs_file_is_left_alone(uic: Run, home: Path, text: str) -> None:
    write(home / "work/config.json", text)
    assert uic("-q", "x") == (0, "x\n", "")
    assert "another program's" in uic("config", "path").out


def test_the_project_file_is_found_above_up_to_the_repositorys_root(uic: Run, home: Path) -> None:
    write(home / "config.json", '{"seed": 1}')
    deep = home / "work/a/b"
    deep.mkdir(parents=True)
    show = ("config", "show", "--json")
    assert json.loads(uic(*show, cwd=deep).out)["seed"] == 1
    (home / "work/.git").mkdir()
    assert json.loads(uic(*show, cwd=deep).out)["seed"] is None
    write(home / "work/config.json", '{"seed": 2}')
    assert json.loads(uic(*show, cwd=deep).out)["seed"] == 2


def test_outside_of_home_and_repository_only_the_directory_itself(uic: Run, tmp_path: Path) -> None:
    below = tmp_path / "outside/below"
    below.mkdir(parents=True)
    write(tmp_path / "outside/config.json", '{"seed": 1}')
    assert json.loads(uic("config", "show", "--json", cwd=below).out)["seed"] is None
    assert json.loads(uic("config", "show", "--json", cwd=tmp_path / "outside").out)["seed"] == 1


def test_the_providers_options_in_a_file(uic: Run, home: Path) -> None:
    path = write(home / "work/config.json", '{"providers": {"echo": {\n"delay": "long"}}}')
    ran = uic("-q", "x")
    assert ran.code == 3
    assert f"delay comes from {path}:2." in ran.err
    assert uic("-q", "x", "-o", "delay", "0") == (0, "x\n", "")


def test_an_unknown_name_is_told_with_who_gave_it(uic: Run, home: Path) -> None:
    path = write(home / "work/config.json", '{"provider": "echo",\n"tools": ["units", "financ"]}')
    assert f"Did you mean finance?\n       financ comes from {path}:2." in uic("-q", "x").err
    assert "ecko comes from environment UIC_PROVIDER. List them" in uic("-q", "x", UIC_PROVIDER="ecko").err
    assert "comes from" not in uic("-q", "x", "-P", "ecko").err


MODELS = """
class Generator(InProcessTextGenerator):
    def __init__(self, *, model: str = "small", api_key: str = "") -> None:
        self.model = model
    def stream(self, messages, config=None):
        yield TextDelta(self.model)
        yield Finished("stop")
"""


def test_which_model_holds(uic: Run, home: Path, plugin: Install) -> None:
    plugin("many", MODELS)
    ask = ("-q", "x", "-P", "many")
    assert uic(*ask).out == "small\n"
    write(
        home / "xdg/unified-intelligence/config.json", '{"model": "general", "providers": {"many": {"model": "own"}}}'
    )
    assert uic(*ask).out == "own\n"
    write(home / "work/config.json", '{"model": "project"}')
    assert uic(*ask).out == "project\n"
    assert uic(*ask, UIC_MODEL="variable").out == "variable\n"
    assert uic(*ask, "--model", "flag", UIC_MODEL="variable").out == "flag\n"
    assert uic(*ask, "-o", "model", "option").out == "option\n"
    assert uic(*ask, "-o", "model", "option", "-m", "flag").code == 2
    answer = json.loads(uic(*ask, "-m", "flag", "--format", "json").out)
    assert (answer["provider"], answer["model"]) == ("many", "flag")


def test_a_model_nobody_can_choose_is_warned_about(uic: Run) -> None:
    ran = uic("-q", "x", UIC_MODEL="gpt")
    assert (ran.code, ran.out) == (0, "x\n")
    assert "The model gpt (environment UIC_MODEL) is not used: echo has no choice of models." in ran.err


def test_secrets_are_not_shown(uic: Run, home: Path) -> None:
    write(home / "work/config.json", '{"providers": {"many": {"api_key": "s3cr3t", "model": "m"}}}')
    ran = uic("config", "show", "--origin")
    assert "s3cr3t" not in ran.out
    assert "providers.many.api_key" in ran.out
    assert "s3cr3t" not in uic("config", "show", "--json").out


def test_where_the_files_are(uic: Run, home: Path) -> None:
    named = write(home / "n.json", "{}")
    project = write(home / "work/config.json", '{"seed": 1}')
    shown = json.loads(uic("config", "path", "--json", "--config", str(named)).out)
    assert shown == [
        {"layer": "named", "path": str(named), "state": "read"},
        {"layer": "project", "path": str(project), "state": "read"},
        {"layer": "user", "path": str(home / "xdg/unified-intelligence/config.json"), "state": "not there"},
    ]
