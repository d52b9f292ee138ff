"""What is on the Hub in the end, from a spec and files alone."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
import yaml

from unified_intelligence.entities.errors import ConfigurationError
from unified_intelligence.entities.space import host_of
from unified_intelligence.spaces.content import parse_deployment
from unified_intelligence.spaces.render import render
from unified_intelligence.spaces.spec import SpaceSpec

README = "---\ntitle: Été\nsdk: static\ncolorFrom: blue\n---\n\n# Été 😀\u2028!\n"


def spec(**given: Any) -> SpaceSpec:
    return SpaceSpec.model_validate({"version": 1, "id": "acme/my_page", "sdk": "static", **given})


def test_whoever_renders_it_gets_the_same_bytes() -> None:
    random_ = random.Random(11)
    names = ["a.txt", "é/ü.md", "😀", "data/x.bin", "日本.md", "z y"]
    for _ in range(30):
        files = {name: random_.randbytes(random_.randint(0, 200)) for name in random_.sample(names, 4)}
        turned = {name: files[name] for name in random_.sample(list(files), len(files))}
        variables = {name: str(random_.random()) for name in "ABC"}
        one = render(spec(variables=variables), files, source="x")
        other = render(spec(variables=dict(reversed(variables.items()))), turned, source="x")
        assert one.files == other.files and list(one.files) == list(other.files)
        changed = {**files, "a.txt": b"changed"}
        assert render(spec(), changed).digest != one.digest or files.get("a.txt") == b"changed"


def test_the_record_is_the_one_that_the_serving_code_reads() -> None:
    rendered = render(
        spec(hardware="l4x1", variables={"B": "é", "A": "1"}, secrets={"KEY": "env:K"}), {"a": b"x"}, source="abc"
    )
    record = parse_deployment(rendered.files["deployment.json"])
    assert record == rendered.deployment and record.source == "abc"
    assert set(record.files) == {"a", "README.md"}
    assert record.settings == {
        "hardware": "l4x1", "variables": {"A": "1", "B": "é"}, "secrets": ["KEY"], "volumes": [],
    }  # fmt: skip


def test_a_candidate_runs_with_the_same_settings() -> None:
    own = spec(visibility="public", hardware="l4x1", sleep_time="1h", variables={"A": "1"})
    readme = {"README.md": README.encode()}
    assert render(own.candidate(), readme).files == render(own, readme).files


def test_a_readme_that_says_everything_is_left_as_it_is() -> None:
    assert render(spec(), {"README.md": README.encode()}).files["README.md"] == README.encode()


def test_front_matter_of_the_spec_is_stronger_and_the_rest_is_kept() -> None:
    rendered = render(spec(readme={"title": "Neu ✓", "tags": ["a", "b"]}), {"README.md": README.encode()})
    _, head, body = rendered.files["README.md"].decode().split("---\n")
    assert yaml.safe_load(head) == {"title": "Neu ✓", "sdk": "static", "colorFrom": "blue", "tags": ["a", "b"]}
    assert body == "\n# Été 😀\u2028!\n"


def test_a_space_without_a_readme_gets_one() -> None:
    assert render(spec(), {}).files["README.md"].decode() == "---\ntitle: my_page\nsdk: static\n---\n\n# my_page\n"


@pytest.mark.parametrize(
    ("readme", "said"),
    [
        ("---\nsdk: docker\n---\n", "README.md says sdk: docker, and the spec says static."),
        ("---\nsdk: static\n", "the head that begins with --- does not end"),
        ("---\na: [\n---\n", "its head is no YAML"),
        ("---\n- a\n---\n", "its head holds no keys"),
    ],
)
def test_a_head_that_cannot_be(readme: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        render(spec(), {"README.md": readme.encode()})


def test_names_are_filled_in_where_the_spec_says_so() -> None:
    template = {"files": ["a.md"], "values": {"MODEL": "Qwen/é", "N": 5}}
    text = b"{{ SPACE }} {{OWNER}} {{ HOST }} {{ MODEL }} {{ N }} {{ not a name }} {braces}"
    rendered = render(spec(template=template), {"a.md": text, "b.md": text})
    assert rendered.files["a.md"].decode() == (
        "acme/my_page acme acme-my-page.hf.space Qwen/é 5 {{ not a name }} {braces}"
    )
    assert rendered.files["b.md"] == text
    with pytest.raises(ConfigurationError, match=r"a\.md has \{\{ X \}\}, and nobody says what that is"):
        render(spec(template=template), {"a.md": b"{{ X }}"})
    with pytest.raises(ConfigurationError, match=r"names a\.md, which is not among the Space's files"):
        render(spec(template=template), {})


def test_what_is_included_excluded_and_built() -> None:
    source = {"include": ["*.py", "data/"], "exclude": ["test_*"]}
    files = dict.fromkeys(["a.py", "test_a.py", "data/x", "data/test_x", "b.txt", "space.yaml", "deployment.json"], b"")
    rendered = render(spec(source=source), files, built={"p.whl": b"wheel"})
    assert list(rendered.files) == ["README.md", "a.py", "data/x", "p.whl", "deployment.json"]
    assert "p.whl" in json.loads(rendered.files["deployment.json"])["files"]


def test_where_a_space_answers() -> None:
    assert host_of("Acme/My_page.v2") == "acme-my-page-v2.hf.space"
