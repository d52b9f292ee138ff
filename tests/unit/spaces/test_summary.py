"""What the summary tells of Spaces, and that it tells only what is there."""

from __future__ import annotations

import json
from pathlib import Path

from unified_intelligence.spaces.summary import summary

SPEC = """\
version: 1
id: acme/page
sdk: docker
hardware: l4x1
sleep_time: 30m
variables: {MODEL: "a|b"}
secrets: {KEY: "env:MY_KEY"}
contract: {kind: openai, models: [m-8b]}
smoke: [{name: a, prompt: "Ça va ?", expect: {min_tokens: 5}}]
"""


def root_with(folder: Path, spec: str = SPEC) -> Path:
    path = folder / "hf_spaces/page/space.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(spec, "utf-8")
    (folder / "benchmarks/results").mkdir(parents=True)
    return folder


def test_a_space_is_told_from_its_spec_and_the_dated_table(tmp_path: Path) -> None:
    text = summary(root_with(tmp_path))
    assert "| `page` | docker | `l4x1` | 0.80 | after 1800 s | private | in place, rolled back by itself |" in text
    assert "| offers | `/v1/chat/completions`, with the model `m-8b` |" in text
    assert "| variable `MODEL` | `a\\|b` |" in text
    assert "| must answer: Ça va ? | nonempty True, min_tokens 5, finish_reason stop |" in text
    assert "| secret `KEY` | set from where the spec says, never shown |" in text and "MY_KEY" not in text
    assert "table of 20" in text


def test_what_was_not_measured_says_so_and_what_was_names_its_file(tmp_path: Path) -> None:
    root = root_with(tmp_path)
    assert "| measured on this hardware | nothing: no result file says that it was |" in summary(root)
    result = {"space": "page", "date": "2030-01-02", "command": "uic x", "figures": {"tokens a second": 12.5}}
    (root / "benchmarks/results/on_l4.json").write_text(json.dumps(result), "utf-8")
    text = summary(root)
    assert "| measured on this hardware | see `benchmarks/results/on_l4.json` |" in text
    assert "From `benchmarks/results/on_l4.json`, measured on 2030-01-02 with `uic x`." in text
    assert "| tokens a second | 12.5 |" in text


def test_hardware_without_a_price_is_not_given_one(tmp_path: Path) -> None:
    text = summary(root_with(tmp_path, SPEC.replace("l4x1", "q9-huge")))
    assert "| `q9-huge` | not known |" in text and "| cost | not known;" in text
