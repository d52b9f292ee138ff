"""Where a Space's files come from: its folder as git sees it, and the package's wheel."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
from pathlib import Path
from zipfile import ZipFile

import pytest

from unified_intelligence.entities.errors import ConfigurationError
from unified_intelligence.spaces.lint import lint
from unified_intelligence.spaces.render import render
from unified_intelligence.spaces.sources import files_of, revision, wheel
from unified_intelligence.spaces.spec_file import read_spec

ROOT = Path(__file__).parents[3]


def git(folder: Path, *arguments: str) -> None:
    named = ["-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run(["git", *named, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    own = tmp_path / "spaces/é page"
    (own / "data").mkdir(parents=True)
    for name, text in {
        "app.py": "x", "data/😀.txt": "Ça va\n", "secret.env": "K=1", "__pycache__/a.pyc": "", ".gitignore": "*.env\n",
    }.items():  # fmt: skip
        (own / name).parent.mkdir(exist_ok=True)
        (own / name).write_text(text, "utf-8")
    return own


def test_in_a_repository_what_git_ignores_is_left_out(folder: Path) -> None:
    git(folder.parent, "init", "-q")
    git(folder.parent, "add", "é page/app.py")
    assert sorted(files_of(folder)) == [".gitignore", "app.py", "data/😀.txt"]
    assert files_of(folder)["data/😀.txt"] == "Ça va\n".encode()
    git(folder.parent, "commit", "-q", "-m", "a")
    sha = revision(folder)
    assert len(sha) == 40
    (folder / "app.py").write_text("changed")
    assert revision(folder) == f"{sha}+"
    (folder / "app.py").unlink()
    assert "app.py" not in files_of(folder)


def test_without_a_repository_it_is_the_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(folder.parents[1]))
    assert sorted(files_of(folder)) == [".gitignore", "app.py", "data/😀.txt", "secret.env"]
    assert revision(folder) == ""


def test_the_wheel_has_the_same_bytes_whenever_it_is_built(tmp_path: Path) -> None:
    (name, first), *more = wheel(ROOT).items()
    assert not more and name.startswith("unified_intelligence_cli-")
    names = ZipFile(io.BytesIO(first)).namelist()
    assert "unified_intelligence/embedded/model/model.safetensors" in names
    copy = tmp_path / "elsewhere"
    for part in ("pyproject.toml", "README.md", "LICENSE", "src", "docs", ".gitignore"):
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, copy / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            copy.mkdir(exist_ok=True)
            shutil.copyfile(source, copy / part)
    for path in copy.rglob("*.py"):
        os.utime(path, (1, 1))
        path.chmod(0o600)
    assert wheel(copy)[name] == first


def test_a_project_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"has no pyproject\.toml that can be read"):
        wheel(tmp_path)


@pytest.mark.parametrize("name", ["qwen3-inference", "open-finance-llm-8b", "qwen3-eval"])
def test_our_spaces_are_rendered_without_a_fault(name: str) -> None:
    file = read_spec(ROOT / "hf_spaces" / name / "space.yaml")
    built = {"p-1-py3-none-any.whl": b"instead of the package's"}
    space = render(file.spec.owned_by("acme"), files_of(file.folder), built=built, source=revision(file.folder))
    assert lint(space) == ()
    assert {"README.md", "p-1-py3-none-any.whl", "deployment.json"} <= space.files.keys()
    assert "space.yaml" not in space.files and len(space.deployment.source) >= 40
