"""Our verdicts against those of the official checker: a committed sample always, all of them where the data is."""

import gzip
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, cast

import pytest

from tests.unit.evaluation.data_pack import pack
from unified_intelligence.entities.errors import ConfigurationError
from unified_intelligence.evaluation.bfcl import check, check_text
from unified_intelligence.evaluation.bfcl.cases import CATEGORIES
from unified_intelligence.evaluation.bfcl.values import plain

SAMPLE = Path(__file__).parents[3] / "data/bfcl"
Row = Mapping[str, Any]

# Rows whose verdict is that of another row of the same name: the verdict belongs to a change of the first call, the
# output to a change of the second. The official checker, run again on these outputs, says what we say.
MISTAKEN = {
    *(("parallel_" + row) for row in """
        2/str_empty:resistivity 4/float_int:height 29/dict_int_bool:population 70/str_empty:units 72/str_empty:method
        90/str_empty:exploration_type 95/float_int:radius 102/float_int:atm_pressure 115/str_empty:format
        126/str_empty:model 128/str_empty:temp_unit 141/str_empty:format 188/str_empty:mode
        multiple_85/str_empty:algorithm multiple_100/str_empty:model multiple_117/list_drop:add_ons
        multiple_185/str_empty:sort_by
    """.split()),
}  # fmt: skip


def rows(content: bytes) -> list[Row]:
    return [json.loads(line) for line in content.splitlines()]


def cases_of(folder: Path) -> dict[str, Row]:
    """The cases of the leaderboard's own files, as those of the sample are."""
    found: dict[str, Row] = {}
    for category in CATEGORIES:
        name = f"BFCL_v4_{category}.json"
        answers = folder / "possible_answer" / name
        truths = {row["id"]: row["ground_truth"] for row in rows(answers.read_bytes())} if answers.is_file() else {}
        for row in rows((folder / name).read_bytes()):
            found[row["id"]] = {**row, "category": category, "ground_truth": truths.get(row["id"], [])}
    return found


def differing(cases: Mapping[str, Row], verdicts: Iterable[Row]) -> list[tuple[str, tuple[bool, str | None]]]:
    found: list[tuple[str, tuple[bool, str | None]]] = []
    for row in verdicts:
        case = cases[row["id"]]
        said = {"category": case["category"], "functions": case["function"], "ground_truth": case["ground_truth"]}
        verdict = check(output=row["output"], **said) if "output" in row else check_text(text=row["text"], **said)
        if verdict != (row["valid"], row["error_type"]):
            found.append(
                (f"{row['id']}/{row.get('mutation', row.get('variant'))}", (verdict.valid, verdict.error_type))
            )
    return found


def test_the_sample_is_judged_as_officially() -> None:
    cases = {row["id"]: row for row in rows((SAMPLE / "cases.jsonl").read_bytes())}
    verdicts = rows((SAMPLE / "verdicts.jsonl").read_bytes())
    texts = rows((SAMPLE / "texts.jsonl").read_bytes())
    assert (len(cases), len(verdicts), len(texts)) == (123, 280, 150)
    assert len({row["error_type"] for row in (*verdicts, *texts)}) == 20
    assert differing(cases, verdicts) == differing(cases, texts) == []


def test_every_recorded_verdict_is_ours_but_for_the_mistaken_ones() -> None:
    folder = pack("bfcl")
    verdicts = rows(gzip.decompress((folder / "official_verdicts.jsonl.gz").read_bytes()))
    assert len(verdicts) == 13_456
    assert sorted(name for name, _ in differing(cases_of(folder), verdicts)) == sorted(MISTAKEN)


def test_every_recorded_text_is_read_and_judged_as_officially() -> None:
    folder = pack("bfcl")
    texts = rows((folder / "official_text_verdicts.jsonl").read_bytes())
    assert len(texts) == 1_590
    assert differing(cases_of(folder), texts) == []


WALK: Row = {
    "name": "park.walk",
    "description": "Walks.",
    "parameters": {
        "type": "dict",
        "properties": {
            "km": {"type": "float"},
            "with": {"type": "array", "items": {"type": "string"}},
            "stops": {"type": "array", "items": {"type": "dict"}},
            "kit": {"type": "dict"},
            "pace": {"type": "any"},
            "days": {"type": "tuple", "items": {"type": "integer"}},
        },
        "required": ["km"],
    },
}
TRUTH: list[dict[str, Any]] = [
    {"park.walk": {
        "km": [2.0, "DISTANCE"], "with": [["Zoé", "Al-An"], ""], "stops": ["", [{"at": ["Gate", ""], "min": [5]}]],
        "kit": [{"hat": [True]}, ""], "pace": ["slow", ""], "days": [[1, 2], ""],
    }}
]  # fmt: skip


def fault(**arguments: Any) -> str | None:
    output = [{"park.walk": arguments}]
    return check(category="simple", functions=[WALK], output=output, ground_truth=TRUTH).error_type


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"km": 2.0}, None),
        ({"km": 2}, None),
        ({"km": True}, "type_error:simple"),
        ({"km": "2"}, "type_error:simple"),
        ({"km": None}, "type_error:simple"),
        ({"km": 2.0000000001}, "value_error:others"),
        ({}, "simple_function_checker:missing_required"),
        ({"km": 2, "speed": 1}, "simple_function_checker:unexpected_param"),
        ({"km": 2, "with": ["ZOÉ.", "al an"]}, None),
        ({"km": 2, "with": ["Zoe", "AlAn"]}, "value_error:list/tuple"),
        ({"km": 2, "with": ["AlAn", "Zoé"]}, "value_error:list/tuple"),
        ({"km": 2, "with": []}, None),  # "" among the accepted is read as a list of nothing
        ({"km": 2, "with": [7]}, "value_error:list/tuple"),
        ({"km": 2, "with": "Zoé"}, "type_error:simple"),
        ({"km": 2, "stops": [{"min": 5}]}, None),
        ({"km": 2, "stops": [{"at": "gate", "min": True}]}, "value_error:dict_value"),
        ({"km": 2, "stops": [{"at": "gate", "min": 5.0}]}, None),
        ({"km": 2, "stops": [{"at": "gate"}]}, "value_error:dict_key"),
        ({"km": 2, "stops": [{"min": 5}, {"min": 5}]}, "value_error:list_dict_count"),
        ({"km": 2, "kit": {"hat": 1}}, None),
        ({"km": 2, "kit": {"hat": False}}, "value_error:dict_value"),
        ({"km": 2, "kit": {"cap": True}}, "value_error:dict_key"),
        ({"km": 2, "pace": "SLOW"}, None),
        ({"km": 2, "pace": 3}, "type_error:simple"),
        ({"km": 2, "days": (1, 2)}, None),
        ({"km": 2, "days": [2, 1]}, "value_error:list/tuple"),
    ],
)
def test_an_argument(arguments: dict[str, Any], expected: str | None) -> None:
    assert fault(**arguments) == expected


@pytest.mark.parametrize(
    ("output", "expected"),
    cast(
        "list[tuple[Any, str]]",
        [
            (None, "ast_decoder:decoder_failed"),
            ("text", "ast_decoder:decoder_wrong_output_format"),
            ([{"park.walk": None}], "ast_decoder:decoder_wrong_output_format"),
            ([{"a": {}, "b": {}}], "ast_decoder:decoder_wrong_output_format"),
            ([], "simple_function_checker:wrong_count"),
            ([{"park_walk": {"km": 2}}], "simple_function_checker:wrong_func_name"),
        ],
    ),
)
def test_the_form_of_an_output(output: Any, expected: str) -> None:
    assert check(category="simple", functions=[WALK], output=output, ground_truth=TRUTH) == (False, expected)


def test_an_api_without_dots_calls_by_the_name_it_was_given() -> None:
    def verdict(name: str) -> bool:
        output = [{name: {"km": 2}}]
        return check(
            category="live_simple", functions=[WALK], output=output, ground_truth=TRUTH, underscored=True
        ).valid

    assert verdict("park_walk") and not verdict("park.walk")


@pytest.mark.parametrize(
    ("output", "irrelevant", "relevant"),
    cast(
        "list[tuple[Any, bool, bool]]",
        [([], True, False), ([{"f": {}}], False, True), (None, True, False), ([{"f": 1}], True, False)],
    ),
)
def test_relevance_is_irrelevance_the_other_way_round(output: Any, irrelevant: bool, relevant: bool) -> None:
    said = [check(category=f"live_{one}", functions=[], output=output).valid for one in ("irrelevance", "relevance")]
    assert said == [irrelevant, relevant]


def test_a_truth_that_fits_no_function_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"calls gone"):
        check(category="multiple", functions=[WALK], output=[{"x": {}}], ground_truth=[{"gone": {}}])
    odd: dict[str, Any] = {
        "name": "f",
        "parameters": {"type": "dict", "properties": {"a": {"type": "complex"}}, "required": []},
    }
    with pytest.raises(ConfigurationError, match="of type 'complex'"):
        check(category="simple", functions=[odd], output=[{"f": {"a": 1}}], ground_truth=[{"f": {"a": [1]}}])


def test_texts_are_compared_without_marks_but_with_accents() -> None:
    assert plain("It's 3.5_m-long, *ok*/^ ÉTÉ") == 'it"s35mlongokété'
    assert plain("a:b") != plain("ab") and plain("a\n") != plain("a") and plain("a\u00a0b") != plain("ab")
