"""The suites of BFCL and finance through the program, against servers that call well, badly, in prose or not at all."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import pytest

from tests.integration.evaluation.evaluated import answer, evaluate, lines, question_of
from tests.openai_server import Asked, Reply, delta, serving, sse
from unified_intelligence.evaluation.bfcl.routes import dotless
from unified_intelligence.evaluation.suite import Choice
from unified_intelligence.evaluation.suites import build

Calls = list[tuple[str, Mapping[str, Any]]]


def small() -> dict[str, Calls]:
    """The right calls of each question of bfcl/small."""
    found: dict[str, Calls] = {}
    for sample in build(Choice(name="bfcl/small")).samples:
        truth = cast("list[dict[str, dict[str, list[Any]]]]", sample.reference)
        found[sample.messages[-1].content] = [
            (name, {key: accepted[0] for key, accepted in values.items() if "" not in accepted})
            for call in truth
            for name, values in call.items()
        ]
    return found


RIGHT = small()


def as_tags(asked: Asked) -> Reply:
    """As Qwen3 writes calls; every second question by its length with a slip of the form."""
    question = question_of(asked)
    calls = [json.dumps({"name": name, "arguments": given}) for name, given in RIGHT[question]]
    slip = "" if len(question) % 2 else "\n"
    text = "\n".join(f"<tool_call>{slip}{call}{slip}</tool_call>" for call in calls)
    return Reply(chunks=answer(f"<think>\nVoyons 🤔 <tool_call>\n</think>\n\n{text or 'Nothing fits.'}"))


def as_tools(asked: Asked) -> Reply:
    """By tools of the request, in two pieces; only names that were offered."""
    offered = {tool["function"]["name"] for tool in asked.json["tools"]}
    calls = RIGHT[question_of(asked)]
    assert {dotless(name) for name, _ in calls} <= offered
    if not calls:
        return Reply(chunks=answer("Désolé : aucune fonction."))
    chunks = [sse(delta(role="assistant", content=""))]
    for index, (name, given) in enumerate(calls):
        text = json.dumps(given, ensure_ascii=False)
        head = {"index": index, "id": f"c{index}", "type": "function"}
        chunks.append(sse(delta(tool_calls=[{**head, "function": {"name": dotless(name), "arguments": text[:9]}}])))
        chunks.append(sse(delta(tool_calls=[{"index": index, "function": {"arguments": text[9:]}}])))
    return Reply(chunks=[*chunks, sse(delta("tool_calls")), sse("[DONE]")])


def ran(tmp_path: Path, serve: Callable[[Asked], Reply], suite: str, *more: str) -> tuple[int, dict[str, Any]]:
    with serving(serve) as server:
        done = evaluate(tmp_path, suite, server.url, "--name", "r", "-j", "8", "--json", *more)
    return done.code, json.loads((tmp_path / "r/run.json").read_text("utf-8"))


def metric(run: Mapping[str, Any], name: str) -> tuple[float, int]:
    (found,) = (one for one in run["metrics"] if one["name"] == name and one.get("slice", "all") == "all")
    return found["k"], found["n"]


def test_calls_as_tools_are_all_right(tmp_path: Path) -> None:
    code, run = ran(tmp_path, as_tools, "bfcl/small")
    assert code == 0 and run["counts"]["right"] == 40 and run["model"]["route"] == "chat-tools"
    assert metric(run, "accuracy_official") == metric(run, "accuracy_lenient") == (40, 40)
    assert run["counts"]["attainable"] == 40


def test_a_slip_of_the_form_is_malformed_and_its_loss_is_measured(tmp_path: Path) -> None:
    code, run = ran(tmp_path, as_tags, "bfcl/small", "--route", "completions-hermes")
    slips = sum(1 for question, calls in RIGHT.items() if calls and len(question) % 2)
    assert code == 0 and 5 < slips < 30
    assert run["counts"] == {**run["counts"], "right": 40 - slips, "malformed": slips, "wrong": 0, "truncated": 0}
    assert metric(run, "accuracy_lenient") == (40, 40)
    assert metric(run, "accuracy_official") == (40 - slips, 40), "what is lost is the format alone"


def dead(asked: Asked) -> Reply:
    return Reply(503, [b'{"error": {"message": "no GPU"}}'], "application/json")


def page(asked: Asked) -> Reply:
    return Reply(200, [b"<!doctype html><title>Sleeping \xf0\x9f\x98\xb4</title>"], "text/html")


def apologises(asked: Asked) -> Reply:
    return Reply(chunks=answer("Error during inference: Connection error."))


def silent(asked: Asked) -> Reply:
    return Reply(chunks=answer("", tokens=1))


@pytest.mark.parametrize("serve", [dead, page])
@pytest.mark.parametrize("suite", ["bfcl/small", "finance/smoke", "qwen3-eval"])
def test_a_dead_server_is_right_nowhere(suite: str, serve: Callable[[Asked], Reply], tmp_path: Path) -> None:
    code, run = ran(tmp_path, serve, suite, "--retries", "0")
    assert code == 3 and run["counts"]["right"] == run["counts"]["wrong"] == 0 and run["counts"]["error"] > 0


def test_an_empty_answer_is_no_abstention(tmp_path: Path) -> None:
    _, run = ran(tmp_path, silent, "bfcl/small")
    assert (run["counts"]["right"], run["counts"]["malformed"]) == (0, 40)


def test_words_of_failure_in_an_answer_are_words(tmp_path: Path) -> None:
    """A server that tells its failure as an answer cannot be told from one that abstains; it is right nowhere else."""
    _, run = ran(tmp_path, apologises, "bfcl/small")
    assert run["counts"]["right"] == 8 and run["counts"]["wrong"] == 32
    told = {line["sample_id"].rsplit("_", 1)[0] for line in lines(tmp_path / "r") if line["outcome"] == "right"}
    assert told == {"small_irrelevance"}


def test_finance_in_both_languages(tmp_path: Path) -> None:
    """Right in English, in percent of a percent in French: a gap that the pairs show."""
    truths = {
        sample.messages[-1].content: (sample.language, cast("Mapping[str, Any]", sample.reference)["value"])
        for sample in build(Choice(name="finance/parametric")).samples
    }

    def serve(asked: Asked) -> Reply:
        language, value = truths[question_of(asked)]
        if language == "en":
            return Reply(chunks=answer(f"**Answer:** {value:,.6f}"))
        shown = f"{value / 1000:,.6f}".replace(",", "\u202f").replace(".", ",")
        return Reply(chunks=answer(f"Réponse : {shown}"))

    code, run = ran(tmp_path, serve, "finance/parametric")
    assert code == 0 and run["counts"]["right"] == 142 and run["counts"]["wrong"] == 142
    wrong = {
        line["scores"]["finance-gates"]["error_type"] for line in lines(tmp_path / "r") if line["outcome"] == "wrong"
    }
    assert wrong <= {"wrong scale", "wrong number"} and "wrong scale" in wrong
