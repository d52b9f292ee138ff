"""docs/deploy.md: its examples are what the program takes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from unified_intelligence.cli.space.group import COMMANDS, SpaceGroup
from unified_intelligence.spaces.spec_file import parse_spec

TEXT = (Path(__file__).parents[3] / "docs/deploy.md").read_text("utf-8")
SPEC, WORKFLOW = re.findall(r"^```yaml\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)


def test_the_example_of_a_spec_is_one() -> None:
    spec = parse_spec(SPEC)
    assert spec.secrets == {"API_KEY": "env:MY_API_KEY"} and spec.smoke[0].expect.regex == "36"


def test_the_workflow_runs_commands_that_there_are() -> None:
    workflow: dict[str, Any] = yaml.safe_load(WORKFLOW)
    assert workflow["permissions"]["id-token"] == "write"
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    ran = [words.split() for step in steps for words in re.findall(r"uic space ([^\n|>;&]+)", step.get("run", ""))]
    assert [words[0] for words in ran] == ["validate", "plan", "deploy"]
    for name, _space, *flags in ran:
        command: Any = SpaceGroup().get_command(None, name)  # pyright: ignore[reportArgumentType] it asks nothing of it
        known = {form for parameter in command.params for form in parameter.opts}
        assert set(flags) <= known and name in COMMANDS


def test_every_command_that_is_named_is_there() -> None:
    assert set(re.findall(r"uic space ([a-z]+)", TEXT)) <= COMMANDS.keys()
