"""A spec as it is written, and what is said of one that is wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from unified_intelligence.entities.errors import ConfigurationError
from unified_intelligence.spaces.spec import SpaceSpec
from unified_intelligence.spaces.spec_file import find_spec, parse_spec, read_spec

ROOT = Path(__file__).parents[3]
SPECS = sorted((ROOT / "hf_spaces").glob("*/space.yaml"))
SCHEMA: dict[str, Any] = json.loads((ROOT / "docs/space.schema.json").read_text("utf-8"))
LEAST = "version: 1\nid: acme/é-page\nsdk: static\n".replace("é", "a")


def test_every_space_of_ours_has_a_spec() -> None:
    folders = {path.name for path in (ROOT / "hf_spaces").iterdir() if (path / "README.md").is_file()}
    assert {path.parent.name for path in SPECS} == folders >= {"qwen3-inference", "open-finance-llm-8b", "qwen3-eval"}


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.parent.name)
def test_a_spec_of_ours_is_read_and_fits_the_published_schema(path: Path) -> None:
    spec = read_spec(path).spec
    jsonschema.validate(yaml.safe_load(path.read_text("utf-8")), SCHEMA)
    assert spec.name == path.parent.name and spec.contract is not None and spec.smoke
    assert sum(smoke.gpu_seconds or 0 for smoke in spec.smoke) <= (spec.budget.zerogpu_seconds_max or 0)


def test_the_least_that_a_spec_says() -> None:
    spec = parse_spec(LEAST)
    assert (spec.hardware, spec.visibility, spec.sleep_time, spec.startup_timeout) == (
        "cpu-basic",
        "private",
        None,
        1800,
    )
    assert spec.owned_by("other").id == "other/a-page"
    assert SpaceSpec.model_validate(spec.model_dump()) == spec


def test_a_variable_is_the_text_that_was_typed() -> None:
    written = "variables: {A: 1.10, B: no, C: 010, D: 1e3, E: '', F: 'é ✓', G: 2026-01-01}\n"
    assert parse_spec(LEAST + written).variables == {
        "A": "1.10", "B": "no", "C": "010", "D": "1e3", "E": "", "F": "é ✓", "G": "2026-01-01",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("written", "seconds"), [("90", 90), ("90s", 90), ("30m", 1800), ("1h", 3600), ("2 d", 172800), ("never", -1)]
)
def test_times(written: str, seconds: int) -> None:
    assert parse_spec(f"{LEAST}hardware: l4x1\nsleep_time: {written}\n").sleep_time == seconds


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds no keys"),
        ("- a\n", "holds no keys"),
        (LEAST + "skd: x\n", "space.yaml:4: there is no key 'skd'. Did you mean 'sdk'?"),
        (LEAST.replace("sdk", "skd"), "space.yaml:3: there is no key 'skd'. Did you mean 'sdk'? (1 more after it.)"),
        (LEAST + "rollout:\n  auto_rolback: true\n", "space.yaml:5: there is no key 'auto_rolback' in rollout. Did you mean"),
        (LEAST + "contract: {kind: gradio, endpoint: {}}\n", "there is no key 'endpoint' in contract. Did you mean 'endpoints'?"),
        (LEAST + "contract: {kind: grpc}\n", "space.yaml:4: contract"),
        (LEAST + "contract: {kind: openai, models: [a]}\nsmoke:\n- {name: a, prompt: b}\n- {name: b, promt: x}\n", "space.yaml:7: there is no key 'promt' in smoke.1."),
        (LEAST + "variables:\n  A-B: 1\n", "space.yaml:5: variables.A-B"),
        (LEAST + "secrets: {A: 'env:'}\n", "the secret itself may not stand here"),
        (LEAST + "variables: {A: 1}\nsecrets: {A: 'env:A'}\n", "A is among the variables and among the secrets"),
        (LEAST + "hardware: zero-a10g\n", "ZeroGPU runs Gradio Spaces only"),
        (LEAST + "smoke: [{name: a, prompt: b}]\n", "smoke requests need a contract"),
        (LEAST + "contract: {kind: openai, models: [a]}\nsmoke: [{name: a, prompt: b, gpu_seconds: 9}]\nbudget: {zerogpu_seconds_max: 8}\n", "need 9 GPU seconds, more than the budget's 8"),
        (LEAST + "visibility: secret\n", "space.yaml:4: visibility: input should be 'public', 'private' or 'protected', not 'secret'"),
        (LEAST + "source: {include: '*.py'}\n", "space.yaml:4: source.include"),
        (LEAST + "template: {files: [/etc/passwd]}\n", "is a path inside the Space"),
        (LEAST + "readme: {a: [}\n", "space.yaml:4: this is no YAML"),
        (LEAST + "readme: {a: 1, a: 2}\n", "space.yaml:4: 'a' is there twice."),
        (LEAST.replace("1", "2"), "space.yaml:1: version: input should be 1, not 2"),
        (LEAST.replace("acme/a-page", "a/b/c"), "space.yaml:2: id"),
        (LEAST + "contract: {kind: openai, models: [a]}\nsmoke: [{name: a, prompt: b, config: {max_token: 5}}]\n", "smoke.0.config has no 'max_token'; it knows"),
        (LEAST + "contract: {kind: openai, models: [a]}\nsmoke: [{name: a, prompt: b, expect: {regex: '('}}]\n", "smoke.0.expect.regex is no regular expression"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_one_sentence_with_its_place(text: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        parse_spec(text, "hf_spaces/x/space.yaml")
    assert said in raised.value.message
    assert "\n" not in raised.value.message


@pytest.mark.parametrize("place", ["secrets: {KEY: %s}", "contract: {kind: openai, models: [a], key: %s}"])
def test_a_secret_that_was_typed_is_not_repeated(place: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        parse_spec(f"{LEAST}{place % 'hf_canary91'}\n")
    error: BaseException | None = raised.value
    while error is not None:
        assert "canary91" not in f"{error} {error!r} {vars(error)}" or error is not raised.value
        error = error.__cause__


def test_a_name_is_a_folder_a_path_or_a_near_miss(tmp_path: Path) -> None:
    path = tmp_path / "hf_spaces/page/space.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(LEAST)
    for name in ("page", "hf_spaces/page", "hf_spaces/page/space.yaml", str(path)):
        assert find_spec(name, tmp_path) == path
    assert find_spec(".", path.parent) == path.parent / "space.yaml"
    with pytest.raises(ConfigurationError) as raised:
        find_spec("paeg", tmp_path)
    assert raised.value.hint == "Did you mean page?"


def test_a_candidate_is_private_and_asleep_soon() -> None:
    candidate = parse_spec(f"{LEAST}hardware: l4x1\nvisibility: public\nsleep_time: never\n").candidate()
    assert (candidate.id, candidate.visibility, candidate.sleep_time) == ("acme/a-page-candidate", "private", 300)
    assert parse_spec(f"{LEAST}hardware: l4x1\nsleep_time: 60\n").candidate().sleep_time == 60
