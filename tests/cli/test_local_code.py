"""Whose code is run is said by the person at the command line, or by his own file: never by a project's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.uic_program import Run

NAMED = f"owner/name@{'a' * 40}"


def row(path: Path, **options: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"provider": "local", "providers": {"local": options}}, indent=0))


@pytest.mark.parametrize("named", [NAMED, [NAMED]])
def test_a_projects_file_may_not_say_whose_code_is_run(uic: Run, home: Path, named: object) -> None:
    project = home / "work/config.json"
    row(project, model="./evil", trust_remote_code=named)
    ran = uic("-q", "x", "-P", "local")
    assert (ran.code, ran.out) == (3, "")
    assert f"{project}:6: a project's file may not say whose code is run (trust_remote_code)." in ran.err
    row(project, model="./evil")
    row(home / "xdg/unified-intelligence/config.json", trust_remote_code=named)
    assert "There is no folder ./evil." in uic("-q", "x", "-P", "local").err


def test_a_branch_is_refused_by_who_gave_it(uic: Run, home: Path) -> None:
    row(home / "xdg/unified-intelligence/config.json", model="owner/name", trust_remote_code=["owner/name@main"])
    ran = uic("-q", "x", "-P", "local")
    assert ran.code == 3
    assert "'owner/name@main' is none: a commit has 40 digits" in ran.err
    assert "config.json:6" in ran.err


def test_adapters_are_named_on_the_command_line(uic: Run) -> None:
    ran = uic("-q", "x", "-P", "local", "--model", "owner/name", "-o", "adapters", "fr")
    assert ran.code == 3
    assert "The option adapters of local is a list of NAME=VALUE, with commas between" in ran.err
    ran = uic("-q", "x", "-P", "local", "--model", "owner/name", "-o", "adapters", "fr=./no where")
    assert "There is no folder ./no where." in ran.err
