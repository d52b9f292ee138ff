"""Asking: where the question comes from, where the answer goes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.uic_program import SRC, Run

ANSWER = "Ça coûte 15 €,\n\n  naïve 🎈 and\ttabs — fine."


def test_the_answer_is_on_stdout_and_nothing_else_is(uic: Run) -> None:
    assert uic("--query", ANSWER) == (0, ANSWER + "\n", "")


@pytest.mark.parametrize(
    "arguments", [["ask", "hello there"], ["hello", "there"], ["-q", "hello there"], ["--query=hello there"]]
)
def test_the_ways_to_ask(uic: Run, arguments: list[str]) -> None:
    assert uic(*arguments) == (0, "hello there\n", "")


def test_python_src_main_runs_from_a_checkout(environment: dict[str, str], tmp_path: Path) -> None:
    del environment["PYTHONPATH"]
    done = subprocess.run(
        [sys.executable, str(SRC / "main.py"), "--provider", "echo", "--query", "héllo"],
        capture_output=True, env=environment, cwd=tmp_path, stdin=subprocess.DEVNULL, timeout=30, check=True,
    )  # fmt: skip
    assert done.stdout.decode() == "héllo\n"


def test_piped_text_comes_before_the_question(uic: Run) -> None:
    assert uic("--query", "summarise", stdin="line é\nline\n").out == "line é\nline\n\nsummarise\n"


def test_piped_text_alone_is_the_question(uic: Run) -> None:
    assert uic(stdin="\ufeffwhat is 🎈?\n\n").out == "what is 🎈?\n"


@pytest.mark.parametrize("stdin", [None, "", "\n"])
def test_nothing_piped_leaves_the_question_alone(uic: Run, stdin: str | None) -> None:
    assert uic("-q", "hello", stdin=stdin).out == "hello\n"


def test_piped_bytes_that_are_not_utf8_are_replaced_and_told(uic: Run) -> None:
    ran = uic(stdin=b"caf\xe9 ol\xe9")
    assert (ran.code, ran.out) == (0, "caf\ufffd ol\ufffd\n")
    assert "not UTF-8" in ran.err
    assert "byte 4" in ran.err


def test_a_closed_stdin_is_no_stdin(environment: dict[str, str], tmp_path: Path) -> None:
    line = f"{sys.executable} -m unified_intelligence -q hello <&-"
    done = subprocess.run(
        ["/bin/sh", "-c", line], capture_output=True, env=environment, cwd=tmp_path, timeout=30, check=False
    )
    assert (done.returncode, done.stdout) == (0, b"hello\n")


@pytest.mark.parametrize(
    "locale",
    [
        {"LANG": "C", "LC_ALL": "C"},
        {"LC_ALL": "POSIX", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
        {"PYTHONIOENCODING": "ascii"},
    ],
)
def test_utf8_comes_out_in_every_locale(uic: Run, locale: dict[str, str]) -> None:
    assert uic(stdin=ANSWER, **locale) == (0, ANSWER + "\n", "")


def test_a_question_that_is_a_commands_name(uic: Run) -> None:
    assert uic("--query", "providers").out == "providers\n"


def test_json_is_one_object(uic: Run) -> None:
    ran = uic("--query", ANSWER, "--format", "json")
    answer = json.loads(ran.out)
    assert list(answer) == ["text", "reasoning", "tool_calls", "usage", "timings", "finish_reason", "provider", "model"]
    assert answer["text"] == ANSWER
    assert "🎈" in ran.out
    assert answer["usage"] == {"prompt_tokens": 10, "completion_tokens": 10, "reasoning_tokens": None}
    assert answer["timings"]["total"] >= answer["timings"]["first_event"] > 0
    assert (answer["finish_reason"], answer["provider"], answer["model"]) == ("stop", "echo", None)


def test_jsonl_is_an_event_a_line(uic: Run) -> None:
    events = [json.loads(line) for line in uic("-q", ANSWER, "--format", "jsonl").out.split("\n")[:-1]]
    assert {event["type"] for event in events[:-1]} == {"text"}
    assert "".join(event["text"] for event in events[:-1]) == ANSWER
    assert (events[-1]["type"], events[-1]["finish_reason"]) == ("finished", "stop")


def test_no_stream_prints_the_same(uic: Run) -> None:
    assert uic("-q", ANSWER, "--no-stream") == (0, ANSWER + "\n", "")


def test_a_cut_answer_is_told_and_strict_makes_it_a_failure(uic: Run) -> None:
    ran = uic("-q", "one two three", "--max-tokens", "2")
    assert (ran.code, ran.out) == (0, "one two\n")
    assert "stopped at its limit of 2 tokens (--max-tokens)" in ran.err
    assert uic("-q", "one two three", "--max-tokens", "2", "--strict").code == 8


def test_a_pipe_gets_the_bytes_the_model_wrote(uic: Run) -> None:
    text = "\x1b[31mred\x1b[0m \x1b]0;title\x07 \u202eover"
    assert uic(stdin=text).out == text + "\n"


def test_markdown_in_a_pipe_when_asked_for(uic: Run) -> None:
    ran = uic("--format", "markdown", stdin="Some **bold** List<String>.\n\n- é\n- b\n")
    assert ran.out == "Some bold List<String>.\n\n • é\n • b\n"


def test_an_option_of_the_providers_own(uic: Run) -> None:
    assert uic("-q", "a b", "-o", "delay", "0.01", "-o", "delay", "0") == (0, "a b\n", "")
