"""Every failure is a sentence on stderr, an exit code, and an object for those who asked for JSON."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.uic_program import Install, Run, command

INTERRUPTING = """
class Generator(InProcessTextGenerator):
    def __init__(self) -> None: ...
    def stream(self, messages, config=None):
        yield TextDelta("Première 🎈 ")
        yield TextDelta("moitié")
        raise StreamInterruptedError("The server hung up.", provider="broken")
"""
ENDLESS = """
class Generator(InProcessTextGenerator):
    def __init__(self) -> None: ...
    def stream(self, messages, config=None):
        yield ReasoningDelta("hm")
        while True:
            yield TextDelta("é word\\n")
            time.sleep(0.01)
"""


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        ([], 2, 'uic --query "..."'),
        (["--query", "  "], 2, "Nothing was asked"),
        (["hello", "--query", "hello"], 2, "given twice"),
        (["--qery", "x"], 2, "--query"),
        (["-q"], 2, "requires an argument"),
        (["-q", "x", "--max-tokens", "many"], 2, '--max-tokens is a whole number from 1, not "many"'),
        (["-q", "x", "--max-tokens", "0"], 2, "from 1"),
        (["-q", "x", "--temperature", "nan"], 2, "--temperature is a number"),
        (["-q", "x", "--format", "xml"], 2, "one of auto, text"),
        (["-q", "x", "-o", "delay"], 2, "requires 2 arguments"),
        (["config", "shwo"], 2, "show"),
        (["config"], 2, "uic config --help"),
        (["providers", "a", "b"], 2, "uic providers check NAME"),
        (["-q", "x", "--provider", "ecko"], 3, "Did you mean echo?"),
        (["providers", "ecko"], 3, "Did you mean echo?"),
        (["-q", "x", "-o", "dealy", "1"], 3, "Did you mean delay?"),
        (["-q", "x", "-o", "delay", "long"], 3, "delay of echo is a number, not 'long'"),
        (["-q", "x", "-o", "delay", "-1"], 3, "delay is 0 or more, not -1"),
        (["-q", "x", "--model", "gpt"], 3, "echo has no choice of models"),
        (["-q", "x", "--tools", "financ"], 3, "Did you mean finance?"),
        (["--tools", "-q", "x"], 3, "--tools finance"),
        (["-q", "x", "--config", "/nowhere/c.json"], 3, "There is no configuration file /nowhere/c.json"),
    ],
)  # fmt: skip
def test_the_exit_code_and_the_sentence(uic: Run, arguments: list[str], code: int, sentence: str) -> None:
    ran = uic(*arguments)
    assert (ran.code, ran.out) == (code, "")
    assert ran.err.startswith("Error: ")
    assert sentence in ran.err
    assert "Traceback" not in ran.err


@pytest.mark.parametrize("format_", ["json", "jsonl"])
def test_an_error_object_for_those_who_asked_for_json(uic: Run, format_: str) -> None:
    ran = uic("-q", "x", "--provider", "ecko", "--format", format_)
    found = json.loads(ran.out)
    assert found["error"] == {
        "code": "unknown_name",
        "exit": 3,
        "provider": "",
        "message": "There is no provider 'ecko'. Did you mean echo?",
        "hint": "List them: uic providers",
    }
    assert ("type" in found) == (format_ == "jsonl")
    assert "ecko" in ran.err


def test_a_usage_error_is_an_object_too(uic: Run) -> None:
    assert json.loads(uic("--format=json", "--qery", "x").out)["error"]["exit"] == 2
    assert json.loads(uic("--qery", "x", UIC_FORMAT="json").out)["error"]["code"] == "usage"
    assert json.loads(uic("providers", "ecko", "--json").out)["error"]["exit"] == 3


def test_an_interrupted_stream_keeps_what_came(uic: Run, plugin: Install) -> None:
    plugin("broken", INTERRUPTING)
    ran = uic("-q", "x", "-P", "broken")
    assert (ran.code, ran.out) == (8, "Première 🎈 moitié\n")
    assert "The server hung up." in ran.err
    error = json.loads(uic("-q", "x", "-P", "broken", "--format", "json").out)["error"]
    assert (error["code"], error["exit"], error["partial"]) == ("stream_interrupted", 8, "Première 🎈 moitié")
    lines = uic("-q", "x", "-P", "broken", "--format", "jsonl").out.splitlines()
    assert [json.loads(line)["type"] for line in lines] == ["text", "text", "error"]


def test_a_stream_without_its_end_is_interrupted(uic: Run, plugin: Install) -> None:
    plugin(
        "silent",
        INTERRUPTING.replace('raise StreamInterruptedError("The server hung up.", provider="broken")', "return"),
    )
    ran = uic("-q", "x", "-P", "silent", "--no-stream")
    assert (ran.code, ran.out) == (8, "Première 🎈 moitié\n")


def test_a_bug_is_one_sentence_and_debug_shows_where(uic: Run, plugin: Install) -> None:
    plugin(
        "buggy",
        INTERRUPTING.replace('StreamInterruptedError("The server hung up.", provider="broken")', 'KeyError("oops")'),
    )
    ran = uic("-q", "x", "-P", "buggy")
    assert ran.code == 1
    assert "KeyError: 'oops'" in ran.err
    assert "UIC_DEBUG=1" in ran.err
    assert "Traceback" not in ran.err
    assert "Traceback" in uic("-q", "x", "-P", "buggy", UIC_DEBUG="1").err


def test_a_broken_plugin_is_told_and_harms_nobody_else(uic: Run, plugin: Install) -> None:
    plugin("bad", "import nothing_of_that_name")
    ran = uic("-q", "x", "-P", "bad")
    assert (ran.code, ran.out) == (3, "")
    assert "bad, a plugin of uic-bad, needs the module 'nothing_of_that_name'" in ran.err
    assert uic("-q", "x") == (0, "x\n", "")
    assert "plugin of uic-bad" in uic("providers").out


def test_a_plugin_that_breaks_when_it_is_imported_is_told(uic: Run, plugin: Install) -> None:
    plugin("worse", "1 / 0")
    ran = uic("-q", "x", "-P", "worse")
    assert (ran.code, ran.out) == (3, "")
    assert "worse, a plugin of uic-worse, cannot be loaded" in ran.err
    assert "ZeroDivisionError" in ran.err


def test_a_full_disk_is_a_sentence(environment: dict[str, str], tmp_path: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            command("-q", "x"), stdout=full, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, env=environment,
            cwd=tmp_path, timeout=30, check=False,
        )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.decode() == "Error: No space left on device.\n"


def test_nobody_reads_any_more(environment: dict[str, str], tmp_path: Path, plugin: Install) -> None:
    plugin("endless", ENDLESS)
    line = f"{sys.executable} -m unified_intelligence -P endless -q x --think hide | head -n 2; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["/bin/bash", "-c", line],
        capture_output=True,
        env=environment,
        cwd=tmp_path,
        timeout=30,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert (done.returncode, done.stdout.decode(), done.stderr) == (141, "é word\né word\n", b"")


@pytest.mark.parametrize("arguments", ["-q x", "--version"])
def test_an_answer_that_can_go_nowhere_is_no_success(
    environment: dict[str, str], tmp_path: Path, arguments: str
) -> None:
    line = f"{sys.executable} -m unified_intelligence {arguments} >&-"
    done = subprocess.run(
        ["/bin/sh", "-c", line], stderr=subprocess.PIPE, env=environment, cwd=tmp_path, timeout=30, check=False
    )
    assert (done.returncode, done.stderr) == (141, b"")


def test_ctrl_c_keeps_what_came(environment: dict[str, str], tmp_path: Path, plugin: Install) -> None:
    plugin("endless", ENDLESS)
    process = subprocess.Popen(
        command("-P", "endless", "-q", "x"), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env=environment, cwd=tmp_path,
    )  # fmt: skip
    assert process.stdout
    first = process.stdout.readline()
    os.kill(process.pid, signal.SIGINT)
    began = time.monotonic()
    out, err = process.communicate(timeout=30)
    assert time.monotonic() - began < 5
    assert process.returncode == 130
    assert set((first + out).decode().splitlines()) == {"é word"}
    assert err.decode() == "hm\nError: Interrupted.\n"
