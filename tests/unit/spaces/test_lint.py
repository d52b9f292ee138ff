"""What is found before anything is sent, and what is not taken for a fault."""

from __future__ import annotations

from typing import Any

import pytest

from unified_intelligence.spaces.lint import lint
from unified_intelligence.spaces.render import render
from unified_intelligence.spaces.spec import SpaceSpec

HEAD = "---\ntitle: T\nsdk: {sdk}\n{more}---\n"
DOCKER = "FROM python:3.12-slim\nRUN useradd -m -u 1000 user\nUSER user\nEXPOSE 7860\nCMD x\n"
GRADIO = {"sdk_version": "6.31.0", "python_version": '"3.12"'}


def found(
    sdk: str, files: dict[str, str | bytes], head: dict[str, str] | None = None, secrets: dict[str, str] | None = None,
    **spec: Any,
) -> list[str]:  # fmt: skip
    more = "".join(f"{name}: {value}\n" for name, value in (head or {}).items())
    contents = {path: text.encode() if isinstance(text, str) else text for path, text in files.items()}
    contents["README.md"] = HEAD.format(sdk=sdk, more=more).encode()
    rendered = render(SpaceSpec.model_validate({"version": 1, "id": "acme/x", "sdk": sdk, **spec}), contents)
    return [f"{each.level} {each.told()}" for each in lint(rendered, secrets)]


def test_nothing_is_found_where_nothing_is_wrong() -> None:
    requirements = "gradio==6.31.0\ntorch==2.11.0  # as ZeroGPU has it\nspaces[x]==0.51 ; python_version > '3'\n"
    files: dict[str, str | bytes] = {"app.py": "x", "requirements.txt": requirements}
    assert found("gradio", files, GRADIO, hardware="zero-a10g") == []
    assert found("docker", {"Dockerfile": DOCKER}, hardware="l4x1", sleep_time="1h") == []
    assert found("static", {"index.html": "x"}) == []


@pytest.mark.parametrize(
    ("head", "requirements", "said"),
    [
        ({"python_version": '"3.11"'}, "", "error README.md: python_version is 3.11; ZeroGPU runs 3.12, 3.12.12, 3.10 or 3.10.13"),
        ({"python_version": "3.10"}, "", "error README.md: python_version is a number: write it in quotes, or 3.10 becomes 3.1"),
        ({"python_version": "null"}, "", "error README.md: python_version is missing; ZeroGPU runs 3.12, 3.12.12, 3.10 or 3.10.13"),
        ({}, "# first\ntorch==2.12.0\n", "error requirements.txt:2: torch is 2.12.0; ZeroGPU runs 2.8.0, 2.9.1, 2.10.0 or 2.11.0"),
        ({"sdk_version": "null"}, "", "error README.md: sdk_version is missing: the Hub would take the newest Gradio at each build"),
        ({}, "gradio==6.30.0\n", "error requirements.txt:1: gradio is pinned to 6.30.0, and sdk_version is 6.31.0"),
        ({}, "torch>=2.8\n", "warning requirements.txt:1: torch>=2.8 is not pinned: each build may take another one"),
        ({}, "numpy\n", "warning requirements.txt:1: numpy is not pinned: each build may take another one"),
        ({}, "numpy==2.*\n", "warning requirements.txt:1: numpy==2.* is not pinned: each build may take another one"),
        ({"app_file": "main.py"}, "", "error README.md: app_file is main.py, and there is no such file"),
        ({"short_description": "x" * 61}, "", "error README.md: short_description has 61 signs, and the Hub takes 60"),
    ],
)  # fmt: skip
def test_a_space_on_zero_gpu(head: dict[str, str], requirements: str, said: str) -> None:
    files: dict[str, str | bytes] = {"app.py": "x", "requirements.txt": requirements}
    assert found("gradio", files, {**GRADIO, **head}, hardware="zero-a10g") == [said]


@pytest.mark.parametrize("line", ["-r other.txt", "--extra-index-url x", "a @ https://x/a.whl", "a==1.0 \\\n    --hash=sha256:ab \\\n    --hash=sha256:cd"])  # fmt: skip
def test_lines_that_are_pinned_or_name_no_package(line: str) -> None:
    assert found("gradio", {"app.py": "x", "requirements.txt": f"{line}\n"}, GRADIO) == []


@pytest.mark.parametrize(
    ("dockerfile", "head", "said"),
    [
        (DOCKER.replace("USER user\n", ""), {}, "error Dockerfile: runs as root: the Hub runs it as user 1000, so make one and USER it"),
        (DOCKER + "USER root\n", {}, "error Dockerfile:6: runs as root: the Hub runs it as user 1000, so make one and USER it"),
        (DOCKER.replace("-u 1000 ", ""), {}, "warning Dockerfile:3: nobody says that user has the id 1000"),
        (DOCKER.replace("7860", "8000"), {}, "error Dockerfile:4: listens at 8000, and app_port is 7860"),
        (DOCKER, {"app_port": "8080"}, "error Dockerfile:4: listens at 7860, and app_port is 8080"),
    ],
)  # fmt: skip
def test_a_docker_space(dockerfile: str, head: dict[str, str], said: str) -> None:
    assert found("docker", {"Dockerfile": dockerfile}, head) == [said]
    assert found("docker", {}) == ["error Dockerfile: is missing: the sdk is docker"]


def test_files_that_the_hub_would_drop_or_keep_elsewhere() -> None:
    files: dict[str, str | bytes] = {
        "index.html": "x", ".gitignore": "*.log\n/data\n", "a.log": "", "data/x": "", "sub/.gitignore": "y\n", "sub/y": "",
        "large": b"0" * 11_000_000,
    }  # fmt: skip
    assert found("static", files) == [
        "error a.log: .gitignore names it, so the Hub would drop it silently",
        "error data/x: .gitignore names it, so the Hub would drop it silently",
        "error sub/y: sub/.gitignore names it, so the Hub would drop it silently",
        "warning large: has 11 MB: it goes into LFS, and every build fetches it",
    ]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("hf_" + "aB3" * 12, "a token of the Hub"),
        ("sk-proj-" + "aB3" * 12, "an API key"),
        ("ghp_" + "aB3" * 12, "a token of GitHub"),
        ("AKIA" + "ABCD1234" * 2, "a key of AWS"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----", "a private key"),
    ],
)
def test_a_secret_in_a_file_is_found_and_not_repeated(text: str, what: str) -> None:
    (told,) = found("static", {"index.html": f"first\nkey = '{text}'\n"})
    assert told == f"error index.html:2: holds what looks like {what}" and text not in told


def test_the_value_of_a_secret_is_found_wherever_it_is() -> None:
    files: dict[str, str | bytes] = {"index.html": "x", "b.bin": b"\0\n\0canary-12\xff", "short": "abc"}
    assert found("static", files, secrets={"KEY": "canary-12", "SHORT": "abc"}) == [
        "error b.bin:2: holds the value of the secret KEY"
    ]


def test_a_sleep_time_that_nobody_heeds() -> None:
    (told,) = found("static", {"index.html": "x"}, sleep_time="1h")
    assert told == "warning space.yaml: sleep_time has no effect on cpu-basic: the Hub decides there"
