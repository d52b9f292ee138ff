"""A command or a flag that is misspelt, or left out, is told with what was meant; help pages name things plainly."""

from __future__ import annotations

import re

import pytest

from tests.cli.uic_program import Run
from unified_intelligence.cli.group import COMMANDS


@pytest.mark.parametrize(
    ("arguments", "message", "help"),
    [
        (["serv"], "uic has no command 'serv'. Did you mean uic serve? As a question: uic --query 'serv'", "uic"),
        (["provider", "-o", "a", "1"], "uic has no command 'provider'. Did you mean uic providers?", "uic"),
        (["evall", "run", "arithmetic"], "uic has no command 'evall'. Did you mean uic eval?", "uic"),
        (["bench"], "Which command of uic bench? There are run, calibrate, show,", "uic bench"),
        (["bench", "rnu"], "uic bench has no command 'rnu'. Did you mean run?", "uic bench"),
        (["space", "pln"], "uic space has no command 'pln'. Did you mean plan?", "uic space"),
        (["eval", "quux"], "uic eval has no command 'quux'. There are list, run,", "uic eval"),
        (["bench", "run", "--conc", "3"], "There is no option --conc. Did you mean --concurrency?", "uic bench run"),
        (["--qery", "x"], "There is no option --qery. Did you mean --query?", "uic"),
        (["--zzz"], "There is no option --zzz.\n", "uic"),
    ],
)
def test_what_was_meant(uic: Run, arguments: list[str], message: str, help: str) -> None:
    ran = uic(*arguments)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(f"Error: {message}")
    assert ran.err.endswith(f"See: {help} --help\n")


@pytest.mark.parametrize(
    "words", [["serv", "the", "soup"], ["costs of a loan"], ["evall", "--query", "x"], ["Réponds"], ["é"]]
)
def test_a_question_stays_a_question(uic: Run, words: list[str]) -> None:
    """Nothing else of it is near a command, or a question was named as one."""
    if "--query" in words:
        assert "given twice" in uic(*words, stdin="").err
    else:
        assert uic(*words).out == " ".join(words) + "\n"


def test_what_is_piped_in_may_be_told_in_a_word(uic: Run) -> None:
    assert uic("costs", stdin="a bill 🎈").out == "a bill 🎈\n\ncosts\n"


def test_help_as_a_word_is_the_page(uic: Run) -> None:
    assert uic("help") == uic("--help")
    assert uic("help", "bench") == uic("bench", "--help")
    assert uic("help", "me").out == "help me\n"


@pytest.mark.parametrize("command", [*COMMANDS, "bench run", "eval run", "bench export", "space plan", "task run"])
def test_no_help_page_shows_a_type_of_python_or_half_a_sentence(uic: Run, command: str) -> None:
    page = uic(*command.split(), "--help", COLUMNS="60").out
    assert page.startswith(f"Usage: uic {command}")
    assert not [mark for mark in ("<str>", "<list", "{RUN", "[[", "CHECKED") if mark in page]
    assert not [line for line in page.splitlines()[1:] if line.endswith("...") and not line.startswith("Usage")]


def test_arguments_are_shown_as_they_are_typed(uic: Run) -> None:
    usages = [uic(*command.split(), "--help").out.splitlines()[0] for command in ("eval run", "eval show", "providers")]
    assert usages == [
        "Usage: uic eval run [OPTIONS] SUITE...",
        "Usage: uic eval show [OPTIONS] [RUN]",
        "Usage: uic providers [OPTIONS] [NAME|check NAME]",
    ]


def test_a_whole_number_has_one_name_on_every_page(uic: Run) -> None:
    pages = "".join(uic(*command.split(), "--help").out for command in ("ask", "serve", "eval run", "bench run"))
    assert "INTEGER" not in pages
    for flag in ("--max-tokens", "--retries", "--seed", "--concurrency", "--port", "--max-running", "--limit"):
        assert set(re.findall(rf"{flag} (\S+)", pages)) <= {"N", "N,N,..."}, flag
