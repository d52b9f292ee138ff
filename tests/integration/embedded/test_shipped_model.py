"""The weights in the package are the ones the results speak of, and they still do what the results say."""

from __future__ import annotations

import hashlib
import json

import pytest

from training.embedded import evaluate
from training.embedded.release import RESULTS
from unified_intelligence.embedded.prompt import render
from unified_intelligence.embedded.router import FOLDER, Router, Settings

# A score may move by a case or two where another processor rounds a close choice the other way.
SLACK = 0.015


@pytest.fixture(scope="module")
def router() -> Router:
    return Router()


@pytest.fixture(scope="module")
def scored(router: Router) -> list[evaluate.Scored]:
    return [evaluate.score(router, case) for case in evaluate.read_cases(evaluate.CASES)]


def test_every_file_is_the_one_the_manifest_names() -> None:
    manifest = json.loads((FOLDER / "manifest.json").read_text(encoding="utf-8"))
    shipped = {path.name for path in FOLDER.iterdir()} - {"manifest.json"}
    assert set(manifest) == shipped
    for name, row in manifest.items():
        content = (FOLDER / name).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (row["bytes"], row["sha256"]), name
    assert manifest["model.safetensors"]["bytes"] < 12_000_000


def test_the_results_are_of_these_weights() -> None:
    results = json.loads(RESULTS.read_text(encoding="utf-8"))
    weights = hashlib.sha256((FOLDER / "model.safetensors").read_bytes()).hexdigest()
    assert results["sha256"]["model.safetensors"] == weights
    assert 3_000_000 < results["sizes"]["parameters"] < 10_000_000


def test_the_words_around_a_question_are_the_templates() -> None:
    settings = Settings.read(FOLDER)
    assert f"{settings.before}ça va ?{settings.after}" == render(FOLDER, "ça va ?")


def test_the_hand_written_cases_score_as_recorded(scored: list[evaluate.Scored]) -> None:
    recorded = json.loads(RESULTS.read_text(encoding="utf-8"))["figures"]
    figures = evaluate.figures(scored)
    assert set(figures) <= set(recorded)
    for name, figure in figures.items():
        assert figure.right / figure.of == pytest.approx(recorded[name]["share"], abs=SLACK), name


def test_every_call_is_json_of_the_tool_it_names(scored: list[evaluate.Scored]) -> None:
    for one in scored:
        call = one.route.call
        if call is None:
            continue
        written = json.loads("{" + ", ".join(f'"{key}": {value}' for key, value in call.literals.items()) + "}")
        assert set(written) <= {field.label for field in call.function.fields}
        assert set(call.arguments) | set(call.missing) >= {f.name for f in call.function.fields if f.required}
