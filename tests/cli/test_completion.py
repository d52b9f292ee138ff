"""The script of `uic completion` is run by a real bash, with what stands on its command line when Tab is pressed."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.cli.uic_program import Run

TAB = """
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
_uic_complete
printf '%s\\n' "${COMPREPLY[@]}"
"""


def tab(script: str, *words: str) -> list[str]:
    done = subprocess.run(
        ["/bin/bash", "-c", script + TAB, "bash", *words], capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stderr == ""
    return done.stdout.split()


@pytest.fixture
def script(uic: Run) -> str:
    ran = uic("completion")
    assert (ran.code, ran.err) == (0, "")
    return ran.out


def test_commands_flags_choices_and_names_are_completed(script: str) -> None:
    cases = {
        ("uic", "se"): ["serve"],
        ("uic", "--prov"): ["--provider"],
        ("uic", "-P", "qw"): ["qwen3_zerogpu", "qwen3_zerogpu_eval"],
        ("uic", "--think", ""): ["show", "hide", "only"],
        ("uic", "bench", "r"): ["run"],
        ("uic", "bench", "run", "--arrival", "p"): ["poisson"],
        ("uic", "bench", "run", "--url", "x", "--concu"): ["--concurrency"],
        ("uic", "space", "de"): ["deploy"],
        ("uic", "providers", "op"): ["openai_compatible", "open_finance_space"],
        ("uic", "-T", "fin"): ["finance"],
        ("uic", "--config", ""): [],
    }
    assert {words: tab(script, *words) for words in cases} == cases


def test_rows_of_the_users_own_are_completed_and_none_of_them_is_run(uic: Run, home: Path) -> None:
    rows = {name: {"type": "echo"} for name in ("mine", "'; touch owned; '", "$(touch owned)", "été")}
    (home / "work/config.json").write_text(json.dumps({"providers": rows}), "utf-8")
    script = uic("completion").out
    assert "owned" not in script
    assert tab(script, "uic", "-P", "mi") == ["mine"]
