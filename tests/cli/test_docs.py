"""`uic docs`: from a checkout and from a wheel, in a pipe and on a terminal."""

from __future__ import annotations

import json
import os
import sys
import tomllib
from pathlib import Path
from zipfile import ZipFile

from tests.cli.uic_program import SRC, Run
from unified_intelligence.spaces.sources import wheel

ROOT = SRC.parent
DOCUMENTS = {path.stem for path in (ROOT / "docs").glob("*.md")}


def test_every_document_is_in_the_package() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    included = settings["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    assert included == {
        **{f"docs/{name}.md": f"unified_intelligence/documents/{name}.md" for name in DOCUMENTS},
        "docs/examples": "unified_intelligence/documents/examples",
    }


def test_they_are_listed_and_shown(uic: Run) -> None:
    listed = uic("docs").out.splitlines()
    assert {line.split()[0] for line in listed[1:]} > {*DOCUMENTS, "examples/sweep_uic.yaml"}
    assert uic("docs", "fallback").out == (ROOT / "docs/fallback.md").read_text("utf-8")
    for name in ("sweep.md", "docs/sweep.md", "docs/sweep.md#keys"):
        assert uic("docs", name).out == (ROOT / "docs/sweep.md").read_text("utf-8")
    misspelt = uic("docs", "swep")
    assert misspelt.code == 3 and "Did you mean sweep" in misspelt.err


def test_on_a_terminal_it_is_laid_out(terminal: Run) -> None:
    shown = terminal("docs", "cli", COLUMNS="60").out
    assert "The command line" in shown and "<!--" not in shown and "```" not in shown
    paragraph = terminal("docs", "fallback", COLUMNS="60", NO_COLOR="1").out.split("\n\n")[1]
    assert "\n" in paragraph and all(len(line) > 40 for line in paragraph.splitlines()[:-1])
    assert "# The command line" in terminal("docs", "cli", TERM="dumb").out


def test_a_wheel_brings_them(uic: Run, tmp_path: Path) -> None:
    for name, content in wheel(ROOT).items():
        (tmp_path / name).write_bytes(content)
        with ZipFile(tmp_path / name) as files:
            files.extractall(tmp_path / "site")
    paths = os.pathsep.join([str(tmp_path / "site"), *filter(None, sys.path)])
    told = json.loads(uic("docs", "--json", PYTHONPATH=paths).out)
    assert {own["name"] for own in told} > DOCUMENTS
    assert all(own["path"].startswith(str(tmp_path / "site")) and own["title"] for own in told)
