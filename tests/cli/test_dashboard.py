"""`uic bench dashboard` where it cannot start: each time one sentence, and the next thing to do."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.uic_program import SRC, Run
from unified_intelligence.dashboard.start import free_port
from unified_intelligence.entities.errors import ConfigurationError


@pytest.mark.parametrize("port", ["http", "-1", "65536", "8.5"])
def test_a_port_that_is_none(uic: Run, port: str) -> None:
    ran = uic("bench", "dashboard", f"--port={port}")
    assert (ran.code, ran.out) == (2, "")
    assert f"--port is a whole number from 0 to 65535, not {port!r}." in ran.err


def test_a_port_that_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match=f"Port {port} cannot be used"):
            free_port(port)
    assert free_port(0) > 0


def test_without_its_libraries_it_says_what_to_install() -> None:
    """-S: nothing but Python and this package can be imported."""
    code = (
        "from unified_intelligence.dashboard.start import run; from pathlib import Path; run(Path(), Path(), 0, print)"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", f"import sys; sys.path.insert(0, {str(SRC)!r}); {code}"],
        capture_output=True, text=True, check=False, timeout=30,
    )  # fmt: skip
    assert "uic bench dashboard needs the library 'streamlit', which is not installed." in done.stderr


def test_the_checkouts_script_is_the_packages() -> None:
    root = Path(__file__).parents[2]
    scripts = [root / "dashboard/app.py", SRC / "unified_intelligence/dashboard/script.py"]
    calls = [script.read_text("utf-8").rpartition('"""')[2] for script in scripts]
    assert calls[0] == calls[1]
    assert "show_page()" in calls[0]
