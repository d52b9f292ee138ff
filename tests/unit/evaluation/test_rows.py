"""Rows of a user's own: what they expect, and what is said of those that cannot be read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from unified_intelligence.entities.errors import ConfigurationError, UnknownNameError
from unified_intelligence.entities.tools import ToolCall
from unified_intelligence.evaluation.expectation import score
from unified_intelligence.evaluation.rows import RowsSuite
from unified_intelligence.evaluation.session import limited
from unified_intelligence.evaluation.suite import Answer, Choice
from unified_intelligence.evaluation.suites import SUITES, build, in_package, names

CALL = {"calls": [{"name": "météo", "arguments": {"ville": "Besançon", "jours": 2}}]}


def calls(*made: tuple[str, str]) -> Answer:
    return Answer(tool_calls=tuple(ToolCall("1", name, arguments) for name, arguments in made))


@pytest.mark.parametrize(
    ("expect", "answer", "right"),
    [
        ({"equals": "Paris"}, Answer(text=" paris.\n"), True),
        ({"equals": ["Paris", "Lutèce"]}, Answer(text="Lutèce"), True),
        ({"equals": "Paris"}, Answer(text="It is Paris"), False),
        ({"contains": ["Été", ["🎉", "!"]]}, Answer(text="l'été\u2028fini !"), True),
        ({"contains": ["a", "b"]}, Answer(text="a"), False),
        ({"not_contains": "sorry"}, Answer(text="Sorry, no"), False),
        ({"regex": r"^\d{3}$"}, Answer(text="123"), True),
        ({"number": 1234.56, "unit": "EUR"}, Answer(text="cela fait 1 234,56 €"), True),
        ({"number": 1234.56, "unit": "EUR"}, Answer(text="-1 234,56 €"), False),
        ({"number": 1234.56, "unit": "EUR"}, Answer(text="cela fait 1 234,56 $"), False),
        ({"number": 570}, Answer(text="**570** is 50 % of 1,140."), True),
        ({"number": 1050}, Answer(text="The answer is 1050 or 1100."), False),
        ({"number": 1100}, Answer(text="La réponse est 1 050 € ou 1 100 €."), False),
        ({"number": 12, "unit": "months"}, Answer(text="The answer is 12 months or 1 year."), True),
        ({"number": 5.2, "unit": "percent"}, Answer(text="The answer is 5.2% or 0.052."), True),
        ({"number": 1050}, Answer(text="Ce n'est pas 1050 mais 1100."), False),
        ({"number": 1100}, Answer(text="Ce n'est pas 1050 mais 1100."), True),
        ({"number": 1050}, Answer(text="It is not $1,050 but $1,100."), False),
        ({"number": 19200}, Answer(text="60 times 320 is 19,200."), True),
        ({"number": 60}, Answer(text="60 fois 320 égale 19 200"), False),
        ({"number": 1100, "unit": "EUR"}, Answer(text="1 050 € + 50 € = 1 100 €"), True),
        ({"number": 1050, "unit": "EUR"}, Answer(text="**1 050 € + 50 € = 1 100 €**"), False),
        ({"number": 52}, Answer(text="5 % de 1040 font 52."), True),
        ({"number": 1040}, Answer(text="5 % of 1040 is 52."), False),
        ({"number": 1102.5}, Answer(text="The answer is 1000 × 1.05² = 1102.50"), True),
        ({"number": 3.5}, Answer(text="(3 + 4) / 2 = 3.5"), True),
        ({"number": -5}, Answer(text="10 - 15 = -5"), True),
        ({"number": 25}, Answer(text="25 is 50 % of 50"), True),
        ({"number": 1050, "unit": "EUR"}, Answer(text="Réponse : 1 050 € (= 1 000 € × 1,05)"), True),
        ({"number": 5.2, "unit": "percent"}, Answer(text="Le taux est de 5,2 %."), True),
        ({"number": 0.05}, Answer(text="5"), False),
        ({"number": 12, "contains": "twelve"}, Answer(text="12"), False),
        (CALL, calls(("météo", '{"jours": 2, "ville": "Besançon"}')), True),
        (CALL, calls(("météo", '{"jours": "2", "ville": "Besançon"}')), False),
        (CALL, calls(("météo", '{"jours": 2, "ville": "Besançon"}'), ("météo", "{}")), False),
        ({"calls": []}, Answer(text="je ne sais pas"), True),
        ({"calls": []}, calls(("météo", "{}")), False),
    ],
)
def test_what_an_answer_must_keep(expect: dict[str, object], answer: Answer, right: bool) -> None:
    assert score(expect, answer).right is right


def test_a_call_that_cannot_be_read_is_malformed() -> None:
    found = score(CALL, calls(("météo", '{"ville": ')))
    assert found.malformed and not found.right


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "line 1 is no JSON"),
        ("[]", "line 1 is no object"),
        ('{"id": "a", "question": "q"}', '"expect" is missing'),
        ('{"id": "a", "question": "q", "expect": {"equal": 1}}', "one or more of equals"),
        ('{"id": "a", "expect": {"equals": "x"}}', 'either "question" or "messages"'),
        (
            '{"id": "a", "question": "q", "expekt": 1, "expect": {"equals": "x"}}',
            "a row has no expekt. Did you mean expect?",
        ),
        ('{"id": "a", "question": "q", "expect": {"regex": "("}}', "no pattern"),
        ('{"id": "a", "question": "q", "expect": {"equals": "x"}, "max_tokens": "9"}', "max_tokens"),
    ],
)
def test_a_row_that_cannot_be_read_says_where_and_why(line: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "own.jsonl"
    path.write_text(line + "\n", "utf-8")
    with pytest.raises(ConfigurationError) as failed:
        build(Choice(name=str(path)))
    assert said in failed.value.message and "own.jsonl" in failed.value.message


def test_two_rows_may_not_share_an_id(tmp_path: Path) -> None:
    path = tmp_path / "own.jsonl"
    row = json.dumps({"id": "é", "question": "q", "expect": {"equals": "x"}})
    path.write_text(f"{row}\n{row}\n", "utf-8")
    with pytest.raises(ConfigurationError, match="two rows with the id 'é'"):
        build(Choice(name=str(path)))


def test_a_suite_nobody_knows_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError) as failed:
        build(Choice(name="arithmetik"))
    assert failed.value.nearest == ("arithmetic",)
    assert "arithmetic" in names()


def test_the_same_choice_makes_the_same_questions() -> None:
    one, same, other = (build(Choice(name="arithmetic", seed=seed)) for seed in (4, 4, 5))
    assert one.dataset == same.dataset and one.samples == same.samples
    assert one.dataset.sha256 != other.dataset.sha256
    french = build(Choice(name="arithmetic", language="fr"))
    assert {own.language for own in french.samples} == {"fr"} and len(french.samples) == 20


def test_a_larger_limit_only_adds_and_pairs_stay_whole() -> None:
    samples = build(Choice(name="arithmetic")).samples
    kept = [{own.id for own in limited(samples, n)} for n in (4, 10, 40)]
    assert [len(own) for own in kept] == [4, 10, 40]
    assert kept[0] < kept[1] < kept[2]
    pairs = [own.pair for own in limited(samples, 10)]
    assert all(pairs.count(pair) == 2 for pair in pairs)


def test_rows_of_a_generator() -> None:
    def rows():
        yield {
            "id": "1",
            "messages": [{"role": "user", "content": "Bonjour"}],
            "system": "Sois bref.",
            "expect": {"equals": "x"},
        }

    (sample,) = RowsSuite(Choice(name="mine"), rows()).samples
    assert [(own.role, own.content) for own in sample.messages] == [("system", "Sois bref."), ("user", "Bonjour")]


def test_the_suites_of_the_package_need_nothing_else_and_all_others_do() -> None:
    own = {suite.name: suite for suite in in_package()}
    assert {"arithmetic", "bfcl/small", "finance/smoke", "finance/parametric", "qwen3-eval"} == own.keys()
    for name, suite in own.items():
        again = build(Choice(name=name))
        assert (again.dataset, again.scorer) == (suite.dataset, suite.scorer)
        assert suite.dataset.n == len(suite.samples) > 0 and len(suite.dataset.sha256) == 64
    for name in SUITES.keys() - own.keys():
        with pytest.raises(ConfigurationError, match="downloads are forbidden"):
            build(Choice(name=name, offline=True))


_USELESS: list[tuple[dict[str, object], str]] = [
    ({"expect": {"contains": []}}, '"contains" is a text or a list of texts'),
    ({"expect": {"contains": ["Été", []]}}, '"contains" is a text or a list of texts'),
    ({"expect": {"contains": ["Été", ["🎉", " "]]}}, '"contains" is a text or a list of texts'),
    ({"expect": {"equals": None}}, '"equals" is a text or a list of texts'),
    ({"expect": {"equals": [5]}}, '"equals" is a text or a list of texts'),
    ({"expect": {"not_contains": []}}, '"not_contains" is a text or a list of texts'),
    ({"expect": {"regex": ""}}, '"regex" is a text'),
    ({"expect": {"regex": 5}}, '"regex" is a text'),
    ({"expect": {"number": float("nan")}}, '"number" is a number'),
    ({"expect": {"number": 1, "tolerance": float("inf")}}, '"tolerance" is a number of 0 or more'),
    ({"expect": {"number": 1, "unit": "bananas"}}, '"unit" is percent, years'),
    ({"expect": {"equals": "x", "unit": "EUR"}}, '"unit" belongs to "number"'),
    ({"expect": {"calls": [{"name": 5}]}}, '"calls" is a list of'),
    ({"expect": {"calls": [{"name": "f", "arguments": [1]}]}}, '"calls" is a list of'),
    ({"expect": {"calls": {"name": "f"}}}, '"calls" is a list of'),
    ({"expect": {"equals": "x"}, "language": "de"}, '"language" is en or fr'),
    ({"expect": {"equals": "x"}, "slices": ["all"]}, "the name of the whole"),
]


@pytest.mark.parametrize(("row", "said"), _USELESS)
def test_a_row_that_could_only_be_right_or_only_be_wrong_is_refused(row: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigurationError) as failed:
        RowsSuite(Choice(name="mine"), [{"id": "é", "question": "q", **row}])
    assert said in failed.value.message and "row 1" in failed.value.message


def test_a_pair_is_one_row_in_each_language() -> None:
    def row(name: str, language: str) -> dict[str, object]:
        return {"id": name, "question": "q", "expect": {"equals": "x"}, "language": language, "pair": "p"}

    assert len(RowsSuite(Choice(name="mine"), [row("1", "en"), row("2", "fr")]).samples) == 2
    with pytest.raises(ConfigurationError, match="two rows of the pair 'p' in fr"):
        RowsSuite(Choice(name="mine"), [row("1", "fr"), row("2", "fr")])


def test_rows_have_no_routes_to_choose_from() -> None:
    with pytest.raises(UnknownNameError, match="no route 'chat-tools'"):
        build(Choice(name="arithmetic", route="chat-tools"))
