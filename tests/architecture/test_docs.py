"""Documents that stay true: links lead somewhere, generated parts are what their generator writes today."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from tests.architecture.repository import ROOT, text_of, tracked
from unified_intelligence.entities.errors import ConfigurationError
from unified_intelligence.factories.options import options_of
from unified_intelligence.spaces.summary import summary

LONGEST_README = 200
DOCUMENTS = tuple(path for path in tracked() if path.suffix == ".md")
GENERATORS = {
    "DEPLOYMENT_SUMMARY.md": ["-m", "unified_intelligence", "space", "summary"],
    "training/embedded/MODEL_CARD.md": ["-m", "training.embedded.card"],
    "docs/space.schema.json": ["docs/generate_space_schema.py"],
    "docs/engine.md": ["docs/generate_engine.py"],
    "docs/evaluation.md": ["docs/generate_evaluation.py"],
    "docs/benchmark.md": ["docs/generate_benchmark.py"],
    "docs/serving.md": ["docs/generate_outside_clients.py"],
    "README.md": ["-m", "unified_intelligence.cli.documentation"],
}
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
_FENCE = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
_PYTHON = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
_NOT_A_WORD = re.compile(r"[^\w\- ]")


def anchors(document: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", _FENCE.sub("", document.read_text(encoding="utf-8")), re.MULTILINE)
    return {_NOT_A_WORD.sub("", heading.lower()).replace(" ", "-") for heading in headings}


def test_there_are_documents() -> None:
    assert {Path("README.md"), Path("CHANGELOG.md"), Path("docs/design/architecture.md")} <= set(DOCUMENTS)


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_every_link_leads_somewhere(document: Path) -> None:
    for link in _LINK.findall(_FENCE.sub("", text_of(document))):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = unquote(link).partition("#")
        target = (ROOT / document.parent / name) if name else ROOT / document
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target), link


def test_every_document_is_found_from_the_readme() -> None:
    """A newcomer has the README; from there the command line and the configuration are one step away."""
    found, left = set[Path](), [ROOT / "README.md"]
    while left:
        document = left.pop()
        if document not in found:
            found.add(document)
            links = (
                document.parent / unquote(link).partition("#")[0] for link in _LINK.findall(document.read_text("utf-8"))
            )
            left += [path.resolve() for path in links if path.suffix == ".md" and path.is_file()]
    assert not [path for path in (ROOT / "docs").rglob("*.md") if path.resolve() not in found]
    assert {"docs/cli.md", "docs/configuration.md"} <= set(_LINK.findall((ROOT / "README.md").read_text("utf-8")))


def test_the_readme_can_be_read_in_one_go() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= LONGEST_README


@pytest.mark.parametrize("document", GENERATORS)
def test_what_is_generated_is_up_to_date(document: str) -> None:
    command = [sys.executable, *GENERATORS[document], "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("result", "told", "left_out"),
    [
        (
            {"worth telling": ["load: *: p99"], "load": {"a|b": {"p99": 1.5, "p50": 7}}},
            "| load: a\\|b: p99 | 1.5 |",
            "p50",
        ),
        (
            {"figures": {"é, µs": {"median": 2.0, "least": 1, "most": 3}}, "rounds": 9},
            "| é, µs | 2 (1 to 3) |",
            "rounds",
        ),
        ({"share": {"right": 1, "of": 2, "low": 0.1, "high": 0.9}}, "| share | 1 of 2 (10.0 to 90.0 %) |", "low"),
        ({"one": {"two": {"three": 3}}, "four": 4}, "| four | 4 |", "three"),
    ],
)
def test_a_result_nobody_listed_is_told_too(result: dict[str, Any], told: str, left_out: str, tmp_path: Path) -> None:
    (tmp_path / "benchmarks/results").mkdir(parents=True)
    path = tmp_path / "benchmarks/results/new_thing.json"
    path.write_text(json.dumps({"date": "2030-01-01", **result}), encoding="utf-8")
    text = summary(tmp_path)
    assert "## New thing" in text and "measured on 2030-01-01" in text and told in text
    assert left_out not in text.partition("| --- |")[2]
    path.write_text(json.dumps({"date": "2030-01-01", "worth telling": ["nothing *"], **result}), encoding="utf-8")
    path.write_text(path.read_text(encoding="utf-8").replace("load: *", "nothing *"), encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"new_thing\.json: none of its figures is told"):
        summary(tmp_path)


def test_an_evaluation_from_python_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (ROOT / "docs/evaluation.md").read_text(encoding="utf-8")
    (example,) = (code for code in _PYTHON.findall(text) if "evaluate(plan" in code)
    names: dict[str, Any] = {}
    monkeypatch.chdir(tmp_path)
    exec(example, names)
    assert names["ended"].run.counts["right"] == 40 and (tmp_path / "mine/run.json").is_file()


def test_the_readmes_provider_answers() -> None:
    """The example of a provider of one's own is code that works, with its option."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (example,) = (code for code in _PYTHON.findall(readme) if "class ShoutingAdapter" in code)
    names: dict[str, Any] = {}
    exec(example, names)
    assert names["ShoutingAdapter"](times=2).generate("ça va").text == "ÇA VAÇA VA"
    assert [option.name for option in options_of(names["ShoutingAdapter"])] == ["times"]
