"""From folders to a page in a browser: Streamlit in this process, on this machine's own address only."""

from __future__ import annotations

import socket
import sys
import threading
import time
import urllib.request
from argparse import ArgumentParser
from collections.abc import Callable
from contextlib import redirect_stdout
from importlib import import_module
from importlib.util import find_spec
from io import StringIO
from pathlib import Path

from unified_intelligence.entities.errors import ConfigurationError, MissingDependencyError

ADDRESS = "127.0.0.1"
_NEEDED, _EXTRA, _WHAT = ("streamlit", "plotly"), "dashboard", "uic bench dashboard"
_ACCENT = {"light": "#1f5f8b", "dark": "#2b7bba"}
_SETTINGS = {
    "server.address": ADDRESS,
    "server.headless": "true",  # opens nothing, and asks for no e-mail
    "server.fileWatcherType": "none",
    "browser.gatherUsageStats": "false",
    "browser.serverAddress": ADDRESS,
    "client.toolbarMode": "minimal",
    "client.showErrorDetails": "full",  # what nobody foresaw, for a report; who reads it sits here
    "client.showErrorLinks": "false",
    "global.developmentMode": "false",
    "logger.level": "error",
    "logger.hideWelcomeMessage": "true",
    **{f"theme.{mode}.primaryColor": colour for mode, colour in _ACCENT.items()},
}


_HOSTS = (ADDRESS, "localhost")  # a page elsewhere, whose name was made to lead here, reads nothing


def require_libraries() -> None:
    """Raises MissingDependencyError for the first that is not installed."""
    for name in _NEEDED:
        if find_spec(name) is None:
            raise MissingDependencyError(_WHAT, name, _EXTRA)


def free_port(asked: int) -> int:
    """The port itself, or any for 0. Raises ConfigurationError where it is taken."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((ADDRESS, asked))
        except OSError as error:
            raise ConfigurationError(
                f"Port {asked} cannot be used: {error.strerror or error}.", hint="Another one: --port 0 takes any."
            ) from error
        return int(probe.getsockname()[1])


def run(folder: Path, evaluations: Path, port: int, ready: Callable[[str], None]) -> int:
    """Shows the folders until Ctrl-C or SIGTERM; `ready` is told the address when it answers. Needs the main thread.

    Raises MissingDependencyError, and ConfigurationError for a port that is taken.
    """
    require_libraries()
    port = free_port(port)
    from streamlit.web.cli import main

    import_module("unified_intelligence.dashboard.page")  # now, so that the first page is as quick as the next
    address = f"http://{ADDRESS}:{port}"
    threading.Thread(target=_tell, args=(address, ready), daemon=True).start()
    flags = [f"--{name}={value}" for name, value in {**_SETTINGS, "server.port": str(port)}.items()]
    flags += [f"--server.allowedHosts={host}" for host in _HOSTS]
    script = str(Path(__file__).with_name("script.py"))
    with redirect_stdout(StringIO()):  # stdout is data, and "Stopping..." is none
        main(["run", script, *flags, "--", str(folder), str(evaluations)], standalone_mode=False)
    return 0


def show_page() -> None:
    """Shows the page, in the script that Streamlit runs. Without folders on its command line, the user's own."""
    from unified_intelligence.config.environment import Environment
    from unified_intelligence.config.places import benchmarks_folder, runs_folder
    from unified_intelligence.dashboard.page import show

    parser = ArgumentParser("dashboard")
    parser.add_argument("runs", nargs="?")
    parser.add_argument("evaluations", nargs="?")
    given = parser.parse_args(sys.argv[1:])
    environment = Environment.of_process()
    data = environment.get("XDG_DATA_HOME")
    runs = Path(given.runs) if given.runs else benchmarks_folder(environment.home, data)
    show(runs, Path(given.evaluations) if given.evaluations else runs_folder(environment.home, data))


def _tell(address: str, ready: Callable[[str], None]) -> None:
    for _ in range(600):
        try:
            with urllib.request.urlopen(f"{address}/_stcore/health", timeout=1):  # noqa: S310 our own address
                ready(address)
                return
        except OSError:
            time.sleep(0.1)
