"""From a commit to a folder and a command line that runs its app here, installing nothing.

What the Hub would do and this does not is said in the build log: installing requirements, RUN instructions, another
version of Python. Wheels among the files are unpacked, which is all that installing one of pure Python does.
"""

from __future__ import annotations

import fnmatch
import re
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

from unified_intelligence.spaces.simulator.dockerfile import Container, read_dockerfile
from unified_intelligence.spaces.simulator.front_matter import read_front_matter, seconds_of

_LOOPBACK, _EVERYWHERE = "127.0.0.1", "0.0.0.0"  # noqa: S104 - replaced, not bound
_PORT = 7860
_STARTUP = 1800.0
_NAME = re.compile(r"[A-Za-z0-9._-]+")
_OWN = frozenset({"PATH", "HOME", "HF_HOME"})  # of the image: here they would point to what is not there


class BuildError(Exception):
    """The Hub would say BUILD_ERROR; `stage` says what else it would say."""

    def __init__(self, message: str, stage: str = "BUILD_ERROR") -> None:
        super().__init__(message)
        self.stage = stage


@dataclass
class AppCommand:
    """`{port}` in a word or in a value is the port that the app is to take. `startup` is in seconds."""

    words: list[str]
    directory: Path
    variables: dict[str, str] = field(default_factory=dict[str, str])
    startup: float = _STARTUP


def prepare(
    files: Mapping[str, bytes], folder: Path, variables: Mapping[str, str], say: Callable[[str], None]
) -> AppCommand:
    """Lays the files out in an empty folder. `variables` are the Space's. Raises BuildError."""
    try:
        matter = read_front_matter(files.get("README.md", b"").decode("utf-8", "replace"))
    except ValueError as error:
        raise BuildError(f"README.md: the metadata is {error}", "CONFIG_ERROR") from error
    sdk = matter.get("sdk")
    if sdk not in _KINDS:
        raise BuildError(f"README.md: sdk is {sdk!r}, and must be one of {', '.join(_KINDS)}", "CONFIG_ERROR")
    wanted = str(matter.get("python_version", "3.10"))
    here = ".".join(map(str, sys.version_info[:3]))
    if sdk == "gradio" and not here.startswith(wanted):
        say(f"python_version {wanted} is not used: this is {here}")
    command = _KINDS[sdk](files, folder, matter, (variables, say))
    command.startup = seconds_of(matter.get("startup_duration_timeout"), _STARTUP)
    return command


_Around = tuple[Mapping[str, str], Callable[[str], None]]


def _gradio(files: Mapping[str, bytes], folder: Path, matter: Mapping[str, Any], around: _Around) -> AppCommand:
    app_file = str(matter.get("app_file", "app.py"))
    if app_file not in files:
        raise BuildError(f"There is no {app_file}", "NO_APP_FILE")
    _write(files.items(), folder)
    _skip_requirements(files, around[1])
    return AppCommand([sys.executable, "-u", app_file], folder, _gradio_variables())


def _static(files: Mapping[str, bytes], folder: Path, matter: Mapping[str, Any], _: _Around) -> AppCommand:
    if str(matter.get("app_file", "index.html")) not in files:
        raise BuildError("There is no index.html", "NO_APP_FILE")
    _write(files.items(), folder)
    return AppCommand([sys.executable, "-u", "-m", "http.server", "{port}", "--bind", _LOOPBACK], folder)


def _docker(files: Mapping[str, bytes], folder: Path, matter: Mapping[str, Any], around: _Around) -> AppCommand:
    variables, say = around
    if "Dockerfile" not in files:
        raise BuildError("There is no Dockerfile", "NO_APP_FILE")
    try:
        container = read_dockerfile(files["Dockerfile"].decode("utf-8", "replace"), variables)
    except ValueError as error:
        raise BuildError(f"Dockerfile: {error}") from error
    image = folder / "image"
    for sources, to in container.copies:
        _copy(files, sources, image, to)
    directory = image / container.directory.strip("/")
    directory.mkdir(parents=True, exist_ok=True)
    packages = _install(container, directory, folder / "packages", say)
    port = str(matter.get("app_port", _PORT))
    words = [_placed(word, image, port) for word in [*container.entry, *container.command]]
    if words[0] in {"python", "python3"}:
        words[:1] = [sys.executable, "-u"]
    set_here = {name: _placed(text, image, port) for name, text in container.variables.items() if name not in _OWN}
    own = {"HOST": _LOOPBACK, "PORT": "{port}", **({"PYTHONPATH": str(packages)} if packages else {})}
    return AppCommand(words, directory, {**set_here, **own})


def _gradio_variables() -> dict[str, str]:
    return {
        "GRADIO_SERVER_NAME": _LOOPBACK, "GRADIO_SERVER_PORT": "{port}", "PORT": "{port}", "GRADIO_NUM_PORTS": "1",
        "GRADIO_ANALYTICS_ENABLED": "False", "GRADIO_SSR_MODE": "False",
    }  # fmt: skip


def _install(container: Container, directory: Path, packages: Path, say: Callable[[str], None]) -> Path | None:
    """Where the wheels that the image installs are unpacked; None without one."""
    found = False
    for run in container.runs:
        patterns = [word.strip("\"'") for word in run.split() if word.strip("\"'").endswith(".whl")]
        wheels = [path for pattern in patterns for path in sorted(directory.glob(pattern.removeprefix("./")))]
        if "pip install" not in run or not wheels:
            say(f"skipped, nothing is installed here: RUN {run}")
            continue
        for wheel in wheels:
            try:
                with ZipFile(wheel) as content:
                    content.extractall(packages)
            except BadZipFile as error:
                raise BuildError(f"{wheel.name} is not a wheel") from error
            say(f"unpacked: {wheel.name}")
            found = True
    return packages if found else None


def _skip_requirements(files: Mapping[str, bytes], say: Callable[[str], None]) -> None:
    """What is asked for is told only where this Python has something else."""
    for name in ("packages.txt", "pre-requirements.txt", "requirements.txt"):
        text = files.get(name, b"").decode("utf-8", "replace")
        lines = (line.partition("#")[0].strip() for line in text.splitlines())
        asked = [line for line in lines if line and not line.startswith("-")]
        if name == "packages.txt" and asked:
            say(f"skipped, nothing is installed here: {name}: {', '.join(asked)}")
        elif asked:
            here = {line: _version_of(line) for line in asked}
            others = [line for line in asked if not line.endswith(f"=={here[line]}")]
            right = len(asked) - len(others)
            say(f"skipped, nothing is installed here: {name}, {right} of {len(asked)} are as asked for")
            for line in others:
                say(f"  not {line}: this Python has {here[line] or 'none'}")


def _version_of(requirement: str) -> str:
    name = _NAME.match(requirement)
    try:
        return version(name[0]) if name else ""
    except (PackageNotFoundError, ValueError):
        return ""


def _copy(files: Mapping[str, bytes], sources: Iterable[str], image: Path, to: str) -> None:
    """Copies as COPY does: what is in a folder, not the folder; into `to` where that ends in a slash or has to."""
    target = image / to.strip("/")
    for source in sources:
        wanted = source.removeprefix("./").strip("/")
        if wanted in {"", "."}:
            _write(files.items(), target)
            continue
        inside = {name.removeprefix(f"{wanted}/"): files[name] for name in files if name.startswith(f"{wanted}/")}
        matching = [name for name in files if fnmatch.fnmatchcase(name, wanted)]
        if not inside and not matching:
            raise BuildError(f"Dockerfile: COPY {source}: there is no such file")
        if inside:
            _write(inside.items(), target)
        into = to.endswith(("/", ".")) or len(matching) > 1 or target.is_dir()
        for name in matching:
            _write([(name.rpartition("/")[2], files[name])], target) if into else _write(
                [(target.name, files[name])], target.parent
            )


def _placed(text: str, image: Path, port: str) -> str:
    """A path of the image as it is here, every address as loopback, the announced port as the one to take."""
    for top in sorted({path.name for path in image.iterdir()} if image.exists() else ()):
        if text == f"/{top}" or text.startswith(f"/{top}/"):
            return f"{image}{text}"
    return "{port}" if text == port else text.replace(_EVERYWHERE, _LOOPBACK).replace(f":{port}", ":{port}")


def _write(files: Iterable[tuple[str, bytes]], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


_KINDS = {"gradio": _gradio, "docker": _docker, "static": _static}


def clear(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
