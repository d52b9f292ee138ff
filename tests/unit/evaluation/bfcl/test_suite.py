"""The suites of BFCL: what is asked, and how an answer that came by a route is judged."""

import json
from collections.abc import Mapping
from typing import Any, cast

import pytest

from tests.unit.evaluation.data_pack import pack
from unified_intelligence.entities.errors import UnknownNameError
from unified_intelligence.entities.tools import ToolCall
from unified_intelligence.evaluation.bfcl.attainable import is_attainable
from unified_intelligence.evaluation.bfcl.cases import CATEGORIES, Case, read_cases
from unified_intelligence.evaluation.bfcl.routes import ROUTES, dotless
from unified_intelligence.evaluation.bfcl.suite import DISPUTED, BfclSuite, build
from unified_intelligence.evaluation.outcome import Outcome, outcome_of
from unified_intelligence.evaluation.pinned_files import described
from unified_intelligence.evaluation.suite import Answer, Choice, Sample, Suite
from unified_intelligence.evaluation.suites import build as build_by_name


def small(route: str) -> tuple[Suite, Mapping[str, Sample]]:
    suite = build(Choice(name="bfcl/small", route=route))
    return suite, {sample.id: sample for sample in suite.samples}


def gold(sample: Sample) -> list[dict[str, Any]]:
    """A right list of calls, from what is accepted."""
    truth = cast("list[dict[str, dict[str, list[Any]]]]", sample.reference)
    return [
        {name: {key: accepted[0] for key, accepted in values.items() if "" not in accepted}}
        for call in truth
        for name, values in call.items()
    ]


def answered(route: str, calls: list[dict[str, Any]]) -> Answer:
    parts = [(name, arguments) for call in calls for name, arguments in call.items()]
    if route == "chat-tools":
        calls_made = (ToolCall(f"c{n}", dotless(name), json.dumps(given)) for n, (name, given) in enumerate(parts))
        return Answer(tool_calls=tuple(calls_made), text="" if parts else "Nothing fits.")
    if route == "prompt":
        written = (f"{name}({', '.join(f'{key}={value!r}' for key, value in given.items())})" for name, given in parts)
        return Answer(text=f"[{', '.join(written)}]" if parts else "Nothing fits, désolé.")
    tags = (f"<tool_call>\n{json.dumps({'name': name, 'arguments': given})}\n</tool_call>" for name, given in parts)
    return Answer(text="\n".join(tags) or "Nothing fits.")


@pytest.mark.parametrize("route", ROUTES)
def test_right_answers_are_right_by_every_route(route: str) -> None:
    suite, samples = small(route)
    assert len(samples) == 40 and suite.route == route and suite.unattainable == frozenset()
    for sample in samples.values():
        answer = answered(route, gold(sample))
        score = suite.score(sample, answer)
        assert score.right and score.verdicts == {"official": True, "lenient": True}, (sample.id, score)
        assert outcome_of(answer, score, 4096) == "right"


@pytest.mark.parametrize("route", ROUTES)
def test_wrong_answers_are_wrong_by_every_route(route: str) -> None:
    suite, samples = small(route)
    for sample in samples.values():
        calls = gold(sample)
        wrong = calls[:-1] if calls else gold(samples["small_simple_python_0"])
        answer = answered(route, wrong)
        score = suite.score(sample, answer)
        assert not score.right and score.error_type and outcome_of(answer, score, 4096) == "wrong", sample.id
        assert score.verdicts == {"official": False, "lenient": False}


def judged(route: str, sample_id: str, answer: Answer) -> tuple[Outcome, bool, bool, str]:
    suite, samples = small(route)
    score = suite.score(samples[sample_id], answer)
    outcome = outcome_of(answer, score, 4096)
    return outcome, score.verdicts["official"], score.verdicts["lenient"], score.error_type


CALL = '{"name": "garden.water", "arguments": {"bed": "roses", "minutes": 15}}'
NEAR_MISS = f"<tool_call>{CALL}</tool_call>"
LOST = ("malformed", False, True, "format:no line breaks inside the tags")


@pytest.mark.parametrize(
    ("route", "sample_id", "answer", "expected"),
    [
        ("completions-hermes", "simple_python_7", Answer(text=NEAR_MISS), LOST),
        (
            "completions-hermes",
            "irrelevance_0",
            Answer(text=NEAR_MISS.replace("garden.water", "harbour.tide_height")),
            ("malformed", True, False, LOST[3]),  # the leaderboard takes it for an abstention
        ),
        ("completions-hermes", "irrelevance_0", Answer(text=""), ("malformed", True, True, "")),
        (
            "completions-hermes",
            "simple_python_7",
            Answer(text=f"<tool_call>\n{CALL}\n</tool_call>\n<tool_call>\n{{\n</tool_call>"),
            ("malformed", True, False, "format:no call that can be read"),
        ),
        (
            "completions-hermes",
            "simple_python_7",
            Answer(tool_calls=(ToolCall("1", "garden.water", '{"bed": "roses", "minutes": 15}'),)),
            ("right", True, True, ""),
        ),
        (
            "chat-tools",
            "simple_python_7",
            Answer(tool_calls=(ToolCall("1", "garden_water", '{"bed": "roses", "minutes":'),)),
            ("malformed", False, False, "format:no call that can be read"),
        ),
        (
            "chat-tools",
            "irrelevance_0",
            Answer(tool_calls=(ToolCall("1", "harbour_tide_height", "null"),)),
            ("malformed", True, False, "format:no call that can be read"),
        ),
        (
            "chat-tools",
            "simple_python_7",
            Answer(text=f"```json\n{CALL.replace('.', '_')}\n```"),
            ("malformed", False, True, "format:a code fence for the tags"),
        ),
        (
            "chat-tools",
            "simple_python_7",
            Answer(text='{"name": ', unreadable=True),
            ("malformed", False, False, "format:no call that can be read"),
        ),
        (
            "prompt",
            "simple_python_7",
            Answer(text="Sure:\n```python\n[garden.water(bed='roses', minutes=15)]\n```"),
            ("malformed", False, True, "format:a code fence for the tags"),
        ),
        (
            "prompt",
            "simple_python_7",
            Answer(text="I cannot do that."),
            ("wrong", False, False, "ast_decoder:decoder_failed"),
        ),
        (
            "completions-hermes",
            "simple_python_7",
            Answer(text=f"<think>\nA call? {NEAR_MISS}"),
            ("truncated", *LOST[1:]),
        ),
    ],
)
def test_a_call_beside_the_form_is_neither_right_nor_an_abstention(
    route: str, sample_id: str, answer: Answer, expected: tuple[Outcome, bool, bool, str]
) -> None:
    assert judged(route, f"small_{sample_id}", answer) == expected


@pytest.mark.parametrize("category", CATEGORIES)
def test_the_leaderboards_own_cases(category: str) -> None:
    suite = build_by_name(Choice(name=f"bfcl/{category}", data=pack("bfcl"), route="completions-hermes"))
    assert suite.dataset.n == len(suite.samples) == {"simple_python": 400, "irrelevance": 240}.get(category, 200)
    assert suite.dataset.version == "v4@6ea5797" and suite.unattainable == frozenset()
    assert set(suite.disputed) == {one for one in DISPUTED if one.rpartition("_")[0] == category}


def test_a_call_is_what_relevance_asks_for() -> None:
    """The categories without answers: whatever is called, or nothing."""
    question = b'{"id": "live_relevance_0", "question": [[{"role": "user", "content": "\xc3\xa7a ?"}]], "function": []}'
    (case,) = read_cases("live_relevance", question, None, "own")
    suite = BfclSuite("x", "chat-tools", [case], described("x", "1", "MIT", [case.id], "0", "own"))
    called = Answer(tool_calls=(ToolCall("1", "whatever", "{}"),))
    assert suite.score(suite.samples[0], called).right and not suite.score(suite.samples[0], Answer(text="Non.")).right
    assert suite.unattainable == frozenset()


def test_the_short_names_of_the_leaderboard() -> None:
    for name, category in (("simple", "simple_python"), ("multiple", "multiple")):
        suite = build_by_name(Choice(name=name, data=pack("bfcl")))
        assert suite.dataset.name == f"bfcl/{category}" and suite.route == "chat-tools"


def test_a_truth_that_no_answer_can_meet_is_found() -> None:
    suite = build(Choice(name="bfcl/small"))
    assert isinstance(suite, BfclSuite)
    function = {
        "name": "f",
        "parameters": {"type": "dict", "properties": {"a": {"type": "string"}}, "required": ["a"]},
    }

    def attainable(truth: dict[str, Any]) -> bool:
        return is_attainable(Case("x", "live_simple", (), (function,), (truth,)))

    assert attainable({"f": {"a": ["é"]}}) and attainable({"f": {"a": ["", "b"]}})
    assert not attainable({"f": {"a": []}}), "a required parameter with nothing accepted"
    assert not attainable({"f": {}}), "a required parameter that the truth does not have"
    assert not attainable({"f": {"a": ["b"], "c": [1]}}), "a parameter that the function does not have"
    assert not attainable({"g": {"a": ["b"]}})


def test_unknown_names_are_refused() -> None:
    for choice in (
        Choice(name="bfcl/small", route="chat"),
        Choice(name="bfcl/small", language="fr"),
        Choice(name="bfcl/java"),
    ):
        with pytest.raises(UnknownNameError):
            build(choice)


def test_objects_are_accepted_by_their_keys() -> None:
    inner: dict[str, Any] = {"type": "dict", "properties": {}}
    properties: dict[str, Any] = {"o": inner, "l": {"type": "array", "items": inner}}
    function = {"name": "f", "parameters": {"type": "dict", "properties": properties, "required": ["o", "l"]}}

    def attainable(**values: list[Any]) -> bool:
        return is_attainable(Case("x", "live_simple", (), (function,), ({"f": values},)))

    nested: dict[str, list[Any]] = {"a": ["é", "e"], "b": ["", 1], "c": [{"d": [2]}]}
    assert attainable(o=[nested], l=[[nested, {}]])
    assert not attainable(o=[], l=[[]]), "required, and nothing is accepted"
