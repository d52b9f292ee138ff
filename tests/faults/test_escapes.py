"""A model's escape sequences reach a pipe as they are, and no terminal."""

from __future__ import annotations

from pathlib import Path

from tests.cli.uic_program import command, in_terminal
from tests.faults.drivers import PROVIDER, command_environment, outcome_of
from tests.faults.scenarios import played
from tests.faults.stream_scenarios import CLIPBOARD


def test_a_pipe_gets_what_the_model_said() -> None:
    assert outcome_of("escapes in the answer", "command").out == f"{CLIPBOARD}\n"


def test_a_terminal_is_not_written_to_by_the_model(tmp_path: Path) -> None:
    home = tmp_path
    with played("escapes in the answer") as play:
        arguments = command("--provider", PROVIDER, "--model", "m", "--base-url", play.url, "--query", "Ça va ? 🙂")
        ran = in_terminal(arguments, {**command_environment(home), "TERM": "xterm-256color", "NO_COLOR": "1"}, home)
    assert ran.code == 0
    assert "avant" in ran.out
    assert "après" in ran.out
    assert "\x1b]" not in ran.out
    assert "\x07" not in ran.out
    assert "\x1b[31m" not in ran.out
