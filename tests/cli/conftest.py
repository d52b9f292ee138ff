"""The real program, with an environment and a home that are empty."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.cli.uic_program import SRC, Install, Ran, Run, command, in_terminal


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    home = tmp_path / "home"
    (home / "work").mkdir(parents=True)
    return {
        "PATH": os.defpath,
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / "xdg"),
        "PYTHONPATH": str(SRC),
        "PYTHONWARNINGS": "error",
        "LANG": "C.UTF-8",
        "TERM": "xterm-256color",
        "UIC_PROVIDER": "echo",
    }


@pytest.fixture
def home(environment: dict[str, str]) -> Path:
    return Path(environment["HOME"])


@pytest.fixture
def uic(environment: dict[str, str], home: Path) -> Run:
    """Runs `uic ARGUMENTS`; `stdin` is what is piped in, None is /dev/null."""

    def run(*arguments: str, stdin: str | bytes | None = None, cwd: Path | None = None, **variables: str) -> Ran:
        data = stdin.encode() if isinstance(stdin, str) else stdin
        done = subprocess.run(
            command(*arguments),
            input=data,
            stdin=subprocess.DEVNULL if data is None else None,
            capture_output=True,
            env={**environment, **variables},
            cwd=cwd or home / "work",
            timeout=120,  # loading torch takes half a minute where everybody else loads something
            check=False,
        )
        return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())

    return run


@pytest.fixture
def terminal(environment: dict[str, str], home: Path) -> Run:
    def run(*arguments: str, **variables: str) -> Ran:
        return in_terminal(command(*arguments), {**environment, **variables}, home / "work")

    return run


@pytest.fixture
def plugin(environment: dict[str, str], tmp_path: Path) -> Install:
    """Installs a provider: a module with a class `Generator`, and the metadata that names it."""

    def install(name: str, source: str) -> None:
        site = tmp_path / "site"
        metadata = site / f"uic_{name}-1.0.dist-info"
        metadata.mkdir(parents=True)
        (site / f"uic_{name}.py").write_text(_HEAD + source)
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: uic-{name}\nVersion: 1.0\n")
        entry = f"[unified_intelligence.providers]\n{name} = uic_{name}:Generator\n"
        (metadata / "entry_points.txt").write_text(entry)
        environment["PYTHONPATH"] = f"{SRC}{os.pathsep}{site}"

    return install


_HEAD = """
import time
from unified_intelligence.entities.errors import *
from unified_intelligence.entities.generation import *
from unified_intelligence.interfaces.text_generator import InProcessTextGenerator
"""
