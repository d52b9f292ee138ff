"""The tasks of agents: every one has an answer that passes, and one that does not."""

import json

import pytest

from unified_intelligence.entities.errors import UnknownNameError
from unified_intelligence.evaluation.roles.checks import passes
from unified_intelligence.evaluation.suite import Answer, Choice
from unified_intelligence.evaluation.suites import build

PLAN = [{"agent": agent, "task": f"tâche {n} ✅"} for n, agent in enumerate(("researcher", "coder", "tester"))]
DAY = r"\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])"
HAVING = "SELECT city, SUM(amount) AS total\nFROM sales\nGROUP BY city\nHAVING SUM(amount) > 1000;"
CLAMP = "def clamp(value, low, high):\n    return max(low, min(value, high))"
POINT = "from dataclasses import dataclass\n\n\n@dataclass\nclass Point:\n    x: float\n    y: float = 0.0"
TEST = "def test_empty_text():\n    assert count_words('') == 0"
SCENARIO = "Given a user with a wrong password\nWhen they log in\nThen they are told so, and stay logged out"

ANSWERS = {
    "coordinator_1": (json.dumps({"steps": PLAN}), json.dumps({"steps": PLAN[::-1]})),
    "coordinator_2": ("C > B > A > D", "A > B > C > D"),
    "coordinator_3": ("Researcher.", "coder or researcher"),
    "coordinator_4": ("5 hours", "9"),
    "coordinator_5": ("Testeur", "Le codeur"),
    "coordinator_6": ('{"coder": 6000, "tester": 4000.0, "researcher": 2000}', '{"coder": 6000, "tester": 4000}'),
    "coordinator_7": ("```json\n[12, 14, 11, 13]\n```", "[11, 12, 13, 14]"),
    "coder_1": ("18", "45"),
    "coder_2": (f"`{DAY}`", r"\d{4}-\d{2}-\d{2}"),
    "coder_3": ("Line 3", "Line 2"),
    "coder_4": (f"```sql\n{HAVING}\n```", HAVING.replace("HAVING", "WHERE")),
    "coder_5": (f"```python\n{CLAMP}\n```", CLAMP.replace("clamp(value, low, high):", "clamp(value, high, low):")),
    "coder_6": ("`git reset --soft HEAD~1`", "git reset --hard HEAD~1"),
    "coder_7": ("O(log n)", "O(n log n)"),
    "coder_8": (
        '{"host": "harbour.example", "port": 8443, "tls": true, "paths": ["/tides", "/moon"]}',
        '{"host": "harbour.example", "port": "8443", "tls": 1, "paths": ["/tides", "/moon"]}',
    ),
    "coder_9": (f"```python\n{POINT}\n```", POINT.replace("x: float", "x = 0.0")),
    "coder_10": ("tail -n +2 data.csv | wc -l", "wc -l data.csv"),
    "coder_11": ("['apple', 'Fig', 'pear']", "['Fig', 'apple', 'pear']"),
    "tester_1": ("[0, 1, 100, 101]", "[1, 100]"),
    "tester_2": ("404", "500"),
    "tester_3": (f"```python\n{TEST}\n```", TEST.replace("assert ", "")),
    "tester_4": ("b = 2", "0"),
    "tester_5": ("8", "6"),
    "tester_6": (SCENARIO, SCENARIO.replace("When", "If")),
    "tester_7": ("96 %", "87.27"),
    "researcher_1": ('{"lit": 1887, "rebuilt": 1952, "miles": 31}', '{"lit": 1887, "rebuilt": 1952, "miles": "31"}'),
    "researcher_2": ("Not stated.", "The baker"),
    "researcher_3": (
        "The ferry was cancelled by a storm on Monday and sailed late and full on Tuesday.",
        "The ferry and the storm " * 6,
    ),
    "researcher_4": ('{"2023": 4.2, "2024": 5.1}', '{"2023": 42, "2024": 51}'),
    "researcher_5": ("409 m", "The mean is 440"),
    "researcher_6": ('["D", "B", "A", "C"]', '["A", "B", "C", "D"]'),
}


def test_there_are_31_tasks_over_four_roles_in_two_languages() -> None:
    suite = build(Choice(name="qwen3-eval"))
    assert {sample.id for sample in suite.samples} == set(ANSWERS) and len(suite.samples) == suite.dataset.n == 31
    assert {sample.slices[0] for sample in suite.samples} == {"coordinator", "coder", "tester", "researcher"}
    french = build(Choice(name="qwen3-eval", language="fr"))
    assert 0 < len(french.samples) < 31 and french.dataset.sha256 != suite.dataset.sha256
    for choice in (Choice(name="qwen3-eval", route="prompt"), Choice(name="qwen3-eval", language="en")):
        if choice.route:
            with pytest.raises(UnknownNameError):
                build(choice)
    assert suite.heuristic == ""


@pytest.mark.parametrize("task", ANSWERS)
def test_a_task_has_a_right_and_a_wrong_answer(task: str) -> None:
    suite = build(Choice(name="qwen3-eval"))
    (sample,) = (one for one in suite.samples if one.id == task)
    right, wrong = ANSWERS[task]
    assert suite.score(sample, Answer(text=right)).right
    assert suite.score(sample, Answer(text=f"<think>{wrong}</think>\n{right}")).right
    score = suite.score(sample, Answer(text=wrong))
    assert not score.right and score.error_type.startswith("check:") and not all(score.gates.values())
    for nothing in ("", "I do not know, sorry: désolé 🙁", f"<think>{right}</think>"):
        assert not suite.score(sample, Answer(text=nothing)).right


@pytest.mark.parametrize("pattern", ["(a+)+$", "(", "x" * 300, "", "(?:\\d{4})+(-\\d\\d)*"])
def test_an_expression_that_could_take_for_ever_is_not_tried(pattern: str) -> None:
    assert not passes({"kind": "pattern", "accepts": ["a" * 40 + "b"], "rejects": []}, pattern)


def test_json_is_found_in_prose_and_numbers_are_no_texts() -> None:
    check = {"kind": "json", "path": "a.1", "equals": 2}
    assert passes(check, 'Voici : {"a": [1, 2.0]} 🙂')
    assert passes(check, 'Set {x} first.\n```json\n{"a": [1, 2]}\n```')
    for text in ('{"a": [1, "2"]}', '{"a": [1]}', '{"a": {"1": 3}}', '{"a": 2}', "[2]", "{", ""):
        assert not passes(check, text)
