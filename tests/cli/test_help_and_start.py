"""Help and lists are made from the tables, and a start is quick."""

from __future__ import annotations

import ast
import json
import resource
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.uic_program import SRC, Install, Run
from unified_intelligence import __version__
from unified_intelligence.factories.provider_factory import PROVIDERS


def test_version(uic: Run) -> None:
    assert uic("--version") == (0, f"uic {__version__}\n", "")


@pytest.mark.parametrize("arguments", [["--help"], ["-h"]])
def test_help_lists_exactly_the_providers_of_the_table(uic: Run, arguments: list[str]) -> None:
    ran = uic(*arguments, COLUMNS="200")
    assert (ran.code, ran.err) == (0, "")
    listed = ran.out.partition("Providers:\n")[2].partition("\n\n")[0].splitlines()
    assert [line.split(None, 1) for line in listed] == [[name, row.summary] for name, row in PROVIDERS.items()]
    for flag in ("--query", "--provider", "--max-tokens", "--no-stream", "--config"):
        assert flag in ran.out


@pytest.mark.parametrize(
    "arguments", [["ask", "--help"], ["providers", "--help"], ["config", "--help"], ["config", "show", "-h"]]
)
def test_every_command_has_help(uic: Run, arguments: list[str]) -> None:
    ran = uic(*arguments)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("Usage: uic ")


@pytest.mark.parametrize(
    ("arguments", "most"), [(["--version"], 1.9), (["--help"], 10.0), (["-P", "echo", "-q", "x"], 14.0)]
)
def test_it_starts_fast(environment: dict[str, str], tmp_path: Path, arguments: list[str], most: float) -> None:
    """CPU time over that of an empty Python; the bounds leave room for a busy machine."""
    empty, ours = [sys.executable, "-c", "pass"], [sys.executable, str(SRC / "main.py"), *arguments]
    times = [(_cpu(empty, environment, tmp_path), _cpu(ours, environment, tmp_path)) for _ in range(9)]
    assert statistics.median(b for _, b in times) / statistics.median(a for a, _ in times) < most


def _cpu(arguments: list[str], environment: dict[str, str], cwd: Path) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(arguments, env=environment, cwd=cwd, capture_output=True, stdin=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def test_providers_with_state_and_options(uic: Run) -> None:
    rows = json.loads(uic("providers", "--json").out)
    assert [row["name"] for row in rows] == list(PROVIDERS)
    assert all(row["built_in"] for row in rows)
    assert next(row for row in rows if row["name"] == "echo")["installed"] is True
    described = json.loads(uic("providers", "echo", "--json").out)["options"]
    assert described == [
        {"name": "delay", "type": "float", "required": False, "default": 0.0, "description": "seconds before each word"}
    ]
    assert "delay   a number  0        seconds before each word" in uic("providers", "echo").out


def test_a_plugin_answers_and_is_listed(uic: Run, plugin: Install) -> None:
    plugin("shouter", SHOUTER)
    assert uic("-q", "héllo", "-P", "shouter") == (0, "HÉLLO!\n", "")
    assert uic("-q", "x", "-P", "shouter", "-o", "end", "?").out == "X?\n"
    assert "plugin of uic-shouter" in uic("providers").out
    assert "shouter" not in uic("--help").out


SHOUTER = """
class Generator(InProcessTextGenerator):
    def __init__(self, *, end: str = "!") -> None:
        self.end = end
    def stream(self, messages, config=None):
        yield TextDelta(messages[-1].content.upper() + self.end)
        yield Finished("stop")
"""


def test_only_output_prints() -> None:
    printers = {
        path.name
        for path in (SRC / "unified_intelligence").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if (isinstance(node, ast.Name) and node.id == "print")
        or (isinstance(node, ast.Attribute) and ast.unparse(node) in {"sys.stdout", "sys.stderr"})
    }
    # the log of a server is its own stream of lines; a download is told where the Hub's library draws its bars; that
    # steps are read the slower way from now on has nobody to be raised to, for the answer goes on
    assert printers == {"output.py", "request_log.py", "download.py", "steady.py"}
