"""Servers that are dead, half dead, slow or not models at all: an evaluation must never call them good."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.evaluation.evaluated import (
    answer,
    evaluate,
    lines,
    question_of,
    repeats,
    suite_file,
    thinks,
    uic,
)
from tests.openai_server import Answer, Asked, Reply, serving

HTML = b"<!doctype html><title>502</title><h1>Bad gateway</h1>"


def dead(asked: Asked) -> Reply:
    return Reply(500, [b'{"error": {"message": "CUDA out of memory"}}'], "application/json")


def page(asked: Asked) -> Reply:
    return Reply(200, [HTML], "text/html")


def refuses(asked: Asked) -> Reply:
    return Reply(401, [b'{"error": {"message": "bad key"}}'], "application/json")


def silent(asked: Asked) -> Reply:
    return Reply(chunks=answer("", tokens=1))


ABSTAIN: dict[str, object] = {"expect": {"calls": []}}


def abstentions(folder: Path, count: int) -> Path:
    """Questions that are right when nothing is called: where a dead server looks best."""
    path = folder / "abstain.jsonl"
    rows: list[dict[str, object]] = [
        {"id": str(n), "question": f"Quelle heure est-il ? {n}", **ABSTAIN} for n in range(count)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


@pytest.mark.parametrize("suite", [suite_file, abstentions])
@pytest.mark.parametrize(("answers", "most"), [(dead, 20), (page, 20), (refuses, 20)])
def test_a_server_that_never_answers_is_right_nowhere(
    suite: Callable[[Path, int], Path], answers: Answer, most: int, tmp_path: Path
) -> None:
    with serving(answers) as server:
        ran = evaluate(tmp_path, str(suite(tmp_path, 100)), server.url, "--name", "r", "-j", "32", "--json")
        assert ran.code == 3, ran.err
        assert 1 <= len(server.asked) <= most
    assert ran.json["counts"]["right"] == 0 and ran.json["status"] == "failed"
    kept = lines(tmp_path / "r")
    assert kept and all(line["outcome"] == "error" for line in kept)
    assert sum(ran.json["error_types"].values()) == len(kept) <= 20
    assert "incomplete" in ran.err
    gate = uic(tmp_path, "eval", "gate", "r", "--runs", str(tmp_path), "--min", "coverage>=0", "--min", "accuracy>=0")
    assert gate.code == 3 and "No gate passes" in gate.err and "passed" not in gate.out


def test_nobody_there(tmp_path: Path) -> None:
    with serving() as server:
        url = server.url
    ran = evaluate(tmp_path, str(abstentions(tmp_path, 50)), url, "--name", "r", "--retries", "0", "--json")
    assert ran.code == 3 and ran.json["counts"]["right"] == 0
    assert "The first 20 requests got no answer" in ran.err
    few = evaluate(tmp_path, str(abstentions(tmp_path, 3)), url, "--name", "few", "--retries", "0")
    assert few.code == 3 and "No connection to 127.0.0.1" in few.err and "Is it running?" in few.err


def test_an_answer_of_nothing_is_no_abstention(tmp_path: Path) -> None:
    with serving(silent) as server:
        ran = evaluate(tmp_path, str(abstentions(tmp_path, 10)), server.url, "--name", "r", "--json")
    assert ran.json["counts"] == {**ran.json["counts"], "right": 0}
    assert ran.json["counts"]["malformed"] + ran.json["counts"]["error"] == 10


def test_half_of_the_answers_are_not_the_whole(tmp_path: Path) -> None:
    """One in two requests fails: tried again they come, and without another try the run is partial."""
    lock, seen = threading.Lock(), Counter[str]()

    def half(asked: Asked) -> Reply:
        with lock:
            seen[question_of(asked)] += 1
            first = seen[question_of(asked)] == 1
        bad = first and int(question_of(asked).rpartition("mot")[2]) % 2
        return Reply(503, [b"busy"], "text/plain") if bad else repeats(asked)

    file = str(suite_file(tmp_path, 40))
    with serving(half) as server:
        ran = evaluate(tmp_path, file, server.url, "--name", "r", "--retries", "0", "--json", "-j", "4")
        assert ran.code == 3 and ran.json["status"] == "partial"
        assert ran.json["counts"]["right"] == ran.json["counts"]["error"] == 20
        metrics = {(own["name"], own.get("slice", "all")): own for own in ran.json["metrics"]}
        assert (metrics["accuracy", "all"]["k"], metrics["accuracy", "all"]["n"]) == (20, 20)
        assert metrics["coverage", "all"]["value"] == 0.5
        asked = len(server.asked)
        again = evaluate(tmp_path, file, server.url, "--name", "r", "--json")
        assert again.code == 0 and again.json["counts"]["right"] == 40
        assert len(server.asked) - asked == 20
    assert Counter(line["outcome"] for line in lines(tmp_path / "r")) == {"right": 40, "error": 20}
    assert {line["attempt"] for line in lines(tmp_path / "r") if line["outcome"] == "right"} == {1, 2}


def test_what_passes_is_tried_again_after_as_long_as_it_says(tmp_path: Path) -> None:
    lock, seen = threading.Lock(), Counter[str]()

    def limited(asked: Asked) -> Reply:
        with lock:
            seen[question_of(asked)] += 1
            first = seen[question_of(asked)] == 1 and len(seen) == 3
        return Reply(429, [b"slow down"], "text/plain", {"Retry-After": "1"}) if first else repeats(asked)

    with serving(limited) as server:
        ran = evaluate(tmp_path, str(suite_file(tmp_path, 12)), server.url, "--name", "r", "--json", "-j", "1")
    assert ran.code == 0 and ran.json["counts"]["right"] == 12
    (again,) = (line for line in lines(tmp_path / "r") if line["retried"])
    assert again["retried"] == ["rate_limited"] and again["attempt"] == 2


def test_a_slow_server_loses_nothing(tmp_path: Path) -> None:
    def slow(asked: Asked) -> Reply:
        begin, *rest = answer(question_of(asked))
        return Reply(chunks=[begin, 0.4, *rest])

    with serving(slow) as server:
        ran = evaluate(tmp_path, str(suite_file(tmp_path, 8)), server.url, "--name", "r", "--json", "-j", "8")
    assert ran.code == 0 and ran.json["counts"]["right"] == 8
    assert ran.json["latency_s"]["p50"] >= 0.4


def test_a_silent_server_times_out_as_an_error(tmp_path: Path) -> None:
    with serving(lambda _: Reply(chunks=[2.0])) as server:
        more = ("--retries", "0", "--timeout", "0.3", "--json", "-j", "20")
        ran = evaluate(tmp_path, str(abstentions(tmp_path, 30)), server.url, "--name", "r", *more)
        assert ran.code == 3 and len(server.asked) <= 20
    assert ran.json["counts"]["right"] == 0
    assert set(ran.json["error_types"]) == {"error: timed_out"}


@pytest.mark.parametrize(
    ("chunks", "outcome"),
    [
        (answer("mot0", reason="length"), "truncated"),
        (answer("mot0", tokens=64), "truncated"),
        (answer("mot0", tokens=63), "right"),
        (thinks("mot0, voyons"), "truncated"),
        (answer("<think>mot0"), "truncated"),
        (answer("<think>hm</think>mot0"), "right"),
        (answer("autre"), "wrong"),
    ],
)
def test_a_cut_answer_is_truncated_whatever_the_server_says(chunks: list[bytes], outcome: str, tmp_path: Path) -> None:
    with serving(lambda _: Reply(chunks=chunks)) as server:
        ran = evaluate(tmp_path, str(suite_file(tmp_path, 1)), server.url, "--name", "r", "--json")
    assert {name: n for name, n in ran.json["counts"].items() if n and name not in {"planned", "attainable"}} == {
        outcome: 1
    }
    assert ran.code == 0


def test_a_server_that_dies_midway_is_left_alone(tmp_path: Path) -> None:
    served = threading.Semaphore(15)

    def dies(asked: Asked) -> Reply:
        return repeats(asked) if served.acquire(blocking=False) else dead(asked)

    with serving(dies) as server:
        ran = evaluate(tmp_path, str(suite_file(tmp_path, 200)), server.url, "--name", "r", "--json", "-j", "4")
        assert ran.code == 3 and ran.json["status"] == "failed"
        assert len(server.asked) <= 15 + 20 + 4
        assert ran.json["counts"]["right"] == 15
        server.answer = repeats
        again = evaluate(tmp_path, str(tmp_path / "own.jsonl"), server.url, "--name", "r", "--json")
    assert again.code == 0 and again.json["counts"]["right"] == 200


def test_the_first_model_of_a_server_is_recorded(tmp_path: Path) -> None:
    def lists(asked: Asked) -> Reply:
        named = b'{"data": [{"id": "\xc3\xa9t\xc3\xa9-7b"}, {"id": "other"}]}'
        return Reply(chunks=[named], content_type="application/json") if asked.method == "GET" else repeats(asked)

    with serving(lists) as server:
        flags = ("--provider", "openai_compatible", "--base-url", server.url, "--name", "r", "--runs", str(tmp_path))
        ran = uic(tmp_path, "eval", "run", str(suite_file(tmp_path, 3)), *flags, "--json")
    assert ran.code == 0, ran.err
    assert json.loads((tmp_path / "r/run.json").read_text("utf-8"))["model"]["id"] == "été-7b"


def test_the_seed_is_that_of_sampling_as_in_ask(tmp_path: Path) -> None:
    with serving(repeats) as server:
        suite = str(suite_file(tmp_path, 2))
        ran = evaluate(tmp_path, suite, server.url, "--name", "r", "--seed", "7", "--suite-seed", "3", "--epochs", "2")
        assert {asked.json["seed"] for asked in server.asked} == {7, 8}
    assert ran.code == 0, ran.err
    misnamed = uic(tmp_path, "bench", "run", "--url", server.url, "--seed", "7")
    assert misnamed.code == 2 and "Did you mean --load-seed?" in misnamed.err
