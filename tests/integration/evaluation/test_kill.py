"""Killed at any moment, an evaluation loses no finished sample, and the same command goes on."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.integration.evaluation.evaluated import (
    answer,
    arguments,
    environment,
    evaluate,
    lines,
    question_of,
    suite_file,
    uic,
)
from tests.openai_server import Asked, Reply, serving

KILLS, SAMPLES, AT_ONCE = 20, 1000, 8


class Slow:
    """Answers after 40 ms, and knows which questions came and which were answered to their end."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.lock = threading.Lock()

    def __call__(self, asked: Asked) -> Reply:
        with self.lock:
            self.asked[question_of(asked)] += 1
        return Reply(chunks=[0.04, *answer(question_of(asked))])


def kept(folder: Path) -> list[str]:
    """The ids in whole lines; a line that the kill cut off is not one."""
    path = folder / "samples.jsonl"
    whole = path.read_bytes().rpartition(b"\n")[0] if path.is_file() else b""
    return [json.loads(line)["sample_id"] for line in whole.split(b"\n") if line]


def test_killed_at_twenty_moments(tmp_path: Path) -> None:
    file, server_side, chance = str(suite_file(tmp_path, SAMPLES)), Slow(), random.Random(7)
    folder, killed = tmp_path / "r", 0
    with serving(server_side) as server:
        command = arguments(tmp_path, file, server.url, "--name", "r", "-j", str(AT_ONCE))
        before: list[str] = []
        while killed < KILLS:
            process = subprocess.Popen(command, env=environment(), stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
            begun, sent = time.monotonic(), sum(server_side.asked.values())
            while process.poll() is None and sum(server_side.asked.values()) == sent and time.monotonic() < begun + 30:
                time.sleep(0.005)
            time.sleep(chance.uniform(0, 0.3))
            process.send_signal(signal.SIGKILL)
            process.wait()
            killed += 1
            now = kept(folder)
            assert now[: len(before)] == before
            before = now
        assert len(before) < SAMPLES
        shown = uic(tmp_path, "eval", "show", "r", "--runs", str(tmp_path), "--json").json
        assert shown["status"] == "partial"
        assert shown["counts"]["right"] == len(before) and shown["counts"]["missing"] == SAMPLES - len(before)
        ran = evaluate(tmp_path, file, server.url, "--name", "r", "-j", str(AT_ONCE), "--json")
    assert ran.code == 0, ran.err
    found = lines(folder)
    assert len(found) == SAMPLES == len({line["sample_id"] for line in found})
    assert [line["sample_id"] for line in found][: len(before)] == before
    assert ran.json["counts"]["right"] == SAMPLES
    repeated = sum(server_side.asked.values()) - SAMPLES
    assert repeated <= KILLS * AT_ONCE


def test_a_torn_last_line_is_taken_away(tmp_path: Path) -> None:
    file = str(suite_file(tmp_path, 12))
    with serving(Slow()) as server:
        assert evaluate(tmp_path, file, server.url, "--name", "r").code == 0
        path = tmp_path / "r/samples.jsonl"
        path.write_bytes(path.read_bytes()[:-300])
        torn = kept(tmp_path / "r")
        assert len(torn) < 12
        ran = evaluate(tmp_path, file, server.url, "--name", "r", "--json")
    assert ran.code == 0 and ran.json["counts"]["right"] == 12
    assert [line["sample_id"] for line in lines(tmp_path / "r")][: len(torn)] == torn


def test_a_line_without_its_end_is_kept(tmp_path: Path) -> None:
    file, slow = str(suite_file(tmp_path, 6)), Slow()
    with serving(slow) as server:
        evaluate(tmp_path, file, server.url, "--name", "r")
        path = tmp_path / "r/samples.jsonl"
        path.write_bytes(path.read_bytes().removesuffix(b"\n"))
        ran = evaluate(tmp_path, file, server.url, "--name", "r", "--json")
        assert ran.code == 0 and sum(slow.asked.values()) == 6
    assert len(lines(tmp_path / "r")) == 6


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_two_writers_do_not_meet_and_the_one_that_is_stopped_keeps_all(how: signal.Signals, tmp_path: Path) -> None:
    file, slow = str(suite_file(tmp_path, 200)), Slow()
    with serving(slow) as server:
        command = arguments(tmp_path, file, server.url, "--name", "r", "-j", "2")
        first = subprocess.Popen(command, env=environment(), stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        while not slow.asked:
            time.sleep(0.01)
        second = evaluate(tmp_path, file, server.url, "--name", "r")
        assert second.code == 3 and "Another process writes the run" in second.err
        first.send_signal(how)
        _, err = first.communicate(timeout=30)
        assert first.returncode == 130, err
        assert "The same command asks the other" in err
        shown = uic(tmp_path, "eval", "show", "r", "--runs", str(tmp_path), "--json")
        assert shown.json["status"] == "partial" and shown.json["counts"]["missing"] > 0
        assert shown.json["counts"]["right"] == len(lines(tmp_path / "r")) > 0


def test_another_question_is_not_mixed_in(tmp_path: Path) -> None:
    file = str(suite_file(tmp_path, 3))
    with serving(Slow()) as server:
        evaluate(tmp_path, file, server.url, "--name", "r")
        changed = evaluate(tmp_path, file, server.url, "--name", "r", "--temperature", "0.7")
        assert changed.code == 3 and "temperature: 0.0 there, 0.7 now" in changed.err
        beside = evaluate(tmp_path, file, server.url, "--name", "r", "--temperature", "0.7", "--new")
        assert beside.code == 0 and (tmp_path / "r-2/run.json").is_file()
        suite_file(tmp_path, 4)
        other = evaluate(tmp_path, file, server.url, "--name", "r")
        assert other.code == 3 and "data:" in other.err
        more = evaluate(tmp_path, file, server.url, "--name", "fewer", "--limit", "2")
        assert more.code == 0
        all_of_them = evaluate(tmp_path, file, server.url, "--name", "fewer", "--json")
        assert all_of_them.code == 0 and all_of_them.json["counts"]["right"] == 4
    assert len(lines(tmp_path / "fewer")) == 4
