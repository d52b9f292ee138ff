"""What is read of a Dockerfile, and what of it a rehearsal runs."""

from __future__ import annotations

import io
import sys
import zipfile
from pathlib import Path

import pytest

from tests.architecture.repository import ROOT
from unified_intelligence.spaces.simulator.app_command import BuildError, prepare
from unified_intelligence.spaces.simulator.dockerfile import read_dockerfile

README = b"---\nsdk: docker\napp_port: 7861\nstartup_duration_timeout: 2m\n---\n"


def test_the_last_stage_counts_with_its_variables() -> None:
    text = """
    # a comment
    FROM python:3.12 AS build
    WORKDIR /nowhere
    CMD ["false"]
    FROM python:3.12-slim
    ARG NAME=été OTHER
    ENV A=1 B="two words" \\
        C=${A}-${MISSING:-else}
    ENV OLD the rest of it
    WORKDIR /home/user
    WORKDIR app
    COPY --chown=user a.txt b.txt ./
    RUN echo one && \\
        echo two
    ENTRYPOINT ["python"]
    CMD ["start.py", "--name", "x"]
    """
    container = read_dockerfile("\n".join(line.strip() for line in text.splitlines()), {"NAME": "ça va"})
    assert container.directory == "/home/user/app"
    assert container.variables == {"A": "1", "B": "two words", "C": "-else", "OLD": "the rest of it"}
    assert container.entry + container.command == ["python", "start.py", "--name", "x"]
    assert container.runs == ["echo one && echo two"]
    assert container.copies == [(["a.txt", "b.txt"], "/home/user/app/./")]


def test_build_arguments_are_the_spaces_variables() -> None:
    text = "FROM x\nARG BACKEND=transformers\nENV BACKEND=${BACKEND}\nCMD run $BACKEND\n"
    assert read_dockerfile(text, {}).variables == {"BACKEND": "transformers"}
    container = read_dockerfile(text, {"BACKEND": "vllm"})
    assert container.variables == {"BACKEND": "vllm"} and container.command == ["/bin/sh", "-c", "run $BACKEND"]


def test_ours_is_understood() -> None:
    text = (ROOT / "hf_spaces/open-finance-llm-8b/Dockerfile").read_text("utf-8")
    container = read_dockerfile(text, {})
    assert container.directory == "/home/user/app" and container.command == ["python", "start.py"]
    assert container.variables["PORT"] == "7860" and container.variables["BACKEND"] == "transformers"


def test_the_image_is_laid_out_with_its_paths_and_its_port(tmp_path: Path) -> None:
    dockerfile = b"""FROM python
WORKDIR /srv/app
COPY lib/ ./lib/
COPY *.py ./
COPY settings.json /etc/app/settings.json
RUN pip install -r requirements.txt
RUN pip install --no-deps ./*.whl
COPY . .
RUN pip install --no-deps ./*.whl
CMD ["python", "/srv/app/main.py", "--host", "0.0.0.0", "--bind", "0.0.0.0:7861", "--port", "7861"]
"""
    wheel = io.BytesIO()
    with zipfile.ZipFile(wheel, "w") as content:
        content.writestr("mine/__init__.py", "été = 1")
    files = {
        "README.md": README, "Dockerfile": dockerfile, "main.py": b"1", "lib/a/b.txt": "é".encode(),
        "settings.json": b"{}", "mine-1-py3-none-any.whl": wheel.getvalue(),
    }  # fmt: skip
    said: list[str] = []
    command = prepare(files, tmp_path / "here", {}, said.append)
    image = tmp_path / "here/image"
    assert command.words == [
        sys.executable, "-u", f"{image}/srv/app/main.py", "--host", "127.0.0.1", "--bind", "127.0.0.1:{port}",
        "--port", "{port}",
    ]  # fmt: skip
    assert command.directory == image / "srv/app" and command.startup == 120
    assert (image / "srv/app/lib/a/b.txt").read_text("utf-8") == "é"
    assert (image / "etc/app/settings.json").read_bytes() == b"{}"
    assert Path(command.variables["PYTHONPATH"], "mine/__init__.py").is_file()
    assert command.variables["HOST"] == "127.0.0.1" and command.variables["PORT"] == "{port}"
    assert "skipped, nothing is installed here: RUN pip install -r requirements.txt" in said
    assert "unpacked: mine-1-py3-none-any.whl" in said


@pytest.mark.parametrize(
    ("files", "stage", "said"),
    [
        ({}, "CONFIG_ERROR", "sdk is None"),
        ({"README.md": b"---\nsdk: gradio\n---"}, "NO_APP_FILE", "app.py"),
        ({"README.md": b"---\nsdk: [\n---"}, "CONFIG_ERROR", "not YAML"),
        ({"README.md": README}, "NO_APP_FILE", "Dockerfile"),
        ({"README.md": README, "Dockerfile": b"RUN x"}, "BUILD_ERROR", "no FROM"),
        ({"README.md": README, "Dockerfile": b"FROM x"}, "BUILD_ERROR", "neither CMD"),
        ({"README.md": README, "Dockerfile": b"FROM x\nCOPY gone .\nCMD x"}, "BUILD_ERROR", "gone"),
    ],
)
def test_what_cannot_be_built_says_why(files: dict[str, bytes], stage: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(BuildError, match=said) as failed:
        prepare(files, tmp_path, {}, lambda _: None)
    assert failed.value.stage == stage


def test_what_is_not_installed_is_said(tmp_path: Path) -> None:
    said: list[str] = []
    files = {
        "README.md": b"---\nsdk: gradio\npython_version: '2.7'\n---",
        "app.py": b"",
        "requirements.txt": b"pytest==1.0 # x\nnobody-has-it\n",
    }
    prepare(files, tmp_path, {}, said.append)
    assert any("python_version 2.7 is not used" in line for line in said)
    assert any(
        line.startswith("skipped, nothing is installed here: pytest==1.0 (this interpreter has ") for line in said
    )
    assert "skipped, nothing is installed here: nobody-has-it (this interpreter has none)" in said
