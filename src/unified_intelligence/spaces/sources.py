"""The files that a Space is rendered from: those of its folder, the package as a wheel, and where they come from."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

from unified_intelligence.entities.errors import ConfigurationError
from unified_intelligence.spaces.patterns import Patterns
from unified_intelligence.spaces.render import RenderedSpace, render
from unified_intelligence.spaces.spec import SpaceSpec
from unified_intelligence.spaces.spec_file import SpecFile

_NEVER = (".git/", "__pycache__/", "*.pyc", ".DS_Store", ".ruff_cache/", ".pytest_cache/", ".venv/")
_EPOCH = "1580601600"  # of every file in a wheel, in seconds: a zip archive holds times
_BACKEND = "import os, sys; os.environ['SOURCE_DATE_EPOCH'] = sys.argv[3]; import importlib; importlib.import_module(sys.argv[1]).build_wheel(sys.argv[2])"  # noqa: E501 - one program
_PIP = "import os, runpy, sys; os.environ['SOURCE_DATE_EPOCH'] = sys.argv.pop(); runpy.run_module('pip', run_name='__main__')"  # noqa: E501 - one program


def rendered(file: SpecFile, spec: SpaceSpec | None = None) -> RenderedSpace:
    """The Space of a spec file; `spec` is the file's own with its owner. Raises ConfigurationError."""
    spec = spec or file.spec
    built: Mapping[str, bytes] = wheel(file.folder / spec.source.package) if spec.source.package else {}
    return render(spec, files_of(file.folder), built=built, source=revision(file.folder))


def files_of(folder: Path) -> dict[str, bytes]:
    """The files by path; in a git repository without what git ignores. Raises ConfigurationError for one that cannot be
    read.
    """
    paths = _git(folder, "ls-files", "-z", "--cached", "--others", "--exclude-standard", ".")
    listed = sorted(_walked(folder)) if paths is None else [path for path in paths.split("\0") if path]
    never = Patterns(_NEVER)
    try:
        return {
            path: (folder / path).read_bytes() for path in listed if not never.match(path) and (folder / path).is_file()
        }
    except OSError as error:
        raise ConfigurationError(f"{error.filename} cannot be read: {error.strerror}.") from None


def revision(folder: Path) -> str:
    """The commit of the repository that the folder is in, with a plus where files differ from it; "" without one."""
    return (_git(folder, "describe", "--always", "--abbrev=40", "--dirty=+", "--exclude=*") or "").strip()


def wheel(project: Path) -> Mapping[str, bytes]:
    """The wheel of a project, by its name: of the same sources the same bytes. Raises ConfigurationError.

    The project's own build backend makes it, where it is installed; else pip, which fetches the backend.
    """
    try:
        settings = tomllib.loads((project / "pyproject.toml").read_text("utf-8"))
    except (OSError, ValueError):
        raise ConfigurationError(f"source.package: {project} has no pyproject.toml that can be read.") from None
    backend = str(settings.get("build-system", {}).get("build-backend", "setuptools.build_meta"))
    with tempfile.TemporaryDirectory() as folder:
        if importlib.util.find_spec(backend.partition(".")[0]):
            command = [sys.executable, "-c", _BACKEND, backend, folder, _EPOCH]
        else:
            command = [sys.executable, "-c", _PIP, "wheel", "-q", "--no-deps", "--wheel-dir", folder, ".", _EPOCH]
        done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)  # noqa: S603 - our own interpreter
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["it says nothing"])[-1]
            raise ConfigurationError(
                f"The wheel of {project.resolve().name} could not be built: {last}",
                hint="pip install 'unified-intelligence-cli[deploy]' brings hatchling, which builds it offline.",
            )
        return {path.name: path.read_bytes() for path in Path(folder).glob("*.whl")}


def _walked(folder: Path) -> Iterator[str]:
    for parent, folders, names in os.walk(folder):
        folders.sort()
        yield from ((Path(parent) / name).relative_to(folder).as_posix() for name in names)


def _git(folder: Path, *arguments: str) -> str | None:
    """What git says there; None where it is not installed, or where there is no repository."""
    try:
        done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603, S607 - a fixed command
    except OSError:
        return None
    return done.stdout if done.returncode == 0 else None
