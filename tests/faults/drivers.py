"""Three ways to ask a server of the scenarios: the Python API without and with an event loop, and the command line."""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.cli.uic_program import SRC, command
from tests.faults.matrix import MATRIX, OPTIONS
from tests.faults.scenarios import Play, played
from unified_intelligence.entities.errors import UnifiedIntelligenceError
from unified_intelligence.entities.generation import Collector, Event, Finished, Notice
from unified_intelligence.entities.tools import ToolCall
from unified_intelligence.factories.provider_factory import ProviderFactory

PROVIDER = "openai_compatible"
QUESTION = "Combien font 15 % de 240 € ? 🙂"
CANARY = "sk-canary-9f31c7d2a6e84b50"
_KEYS = {"key", "hf_token"}
HUB_CANARY = "hf_canaryQwErTyUiOpAsDfGhJkL"
_LOG_EVERYTHING = "import logging, os; logging.basicConfig(filename=os.environ['FAULTS_LOG'], level=1)"


@dataclass
class Outcome:
    """What came of one call. `said` is everything a person or a log could have read; `code` is a process's."""

    text: str = ""
    reasoning: str = ""
    finish: str = ""
    calls: tuple[ToolCall, ...] = ()
    notices: list[str] = field(default_factory=list[str])
    error: BaseException | None = None
    partial: str = ""
    sentence: str = ""
    said: str = ""
    code: int = 0
    out: str = ""
    err: str = ""
    seconds: float = 0.0
    requests: int = 0
    connections: int = 0
    pauses: list[float] = field(default_factory=list[float])
    keys_sent: set[str] = field(default_factory=set[str])
    paths: set[str] = field(default_factory=set[str])
    hub_keys: set[str] = field(default_factory=set[str])
    server_broke: list[BaseException] = field(default_factory=list[BaseException])


def arguments_for(play: Play) -> dict[str, Any]:
    """The adapter's options in a scenario, the keys among them."""
    arguments = {**OPTIONS, **MATRIX[play.name].options, "base_url": play.url, "key": CANARY}
    if play.space:
        arguments |= {"space": play.space, "hub": play.hub, "hf_token": HUB_CANARY}
    return arguments


def ask_sync(play: Play) -> Outcome:
    """`stream`, its events collected here: what came before an error counts too."""
    outcome, collector = Outcome(), Collector()
    generator = ProviderFactory().create(PROVIDER, **arguments_for(play))
    try:
        for event in generator.stream(QUESTION):
            _take(event, collector, outcome)
    except Exception as error:  # noqa: BLE001 - whatever it is, the test judges it
        _fell(outcome, error)
    finally:
        generator.close()
    _fill(outcome, collector)
    return outcome


def ask_async(play: Play) -> Outcome:
    """`astream` in an event loop of its own."""
    outcome, collector = Outcome(), Collector()

    async def ask() -> None:
        generator = ProviderFactory().create(PROVIDER, **arguments_for(play))
        try:
            async for event in generator.astream(QUESTION):
                _take(event, collector, outcome)
        except Exception as error:  # noqa: BLE001 - whatever it is, the test judges it
            _fell(outcome, error)
        finally:
            generator.close()

    asyncio.run(ask())
    _fill(outcome, collector)
    return outcome


def ask_by_command(play: Play) -> Outcome:
    """The program in a process of its own, in an empty home, with every library's log on."""
    with TemporaryDirectory() as folder:
        home = Path(folder)
        environment = command_environment(home)
        arguments = arguments_for(play)
        variables, flags = keys_for_process({name: arguments.pop(name) for name in _KEYS & arguments.keys()})
        options = [part for name, value in arguments.items() for part in ("-o", name, str(value))]
        model = options.index("model")
        options[model - 1 : model + 2] = ["--model", "m"]
        done = subprocess.run(
            command("--provider", PROVIDER, *options, *flags, "--query", QUESTION),
            stdin=subprocess.DEVNULL, capture_output=True, env={**environment, **variables}, cwd=home,
            timeout=90, check=False,
        )  # fmt: skip
        log = (home / "log").read_text("utf-8", "replace") if (home / "log").exists() else ""
    out, err = done.stdout.decode(), done.stderr.decode()
    talk, failed, sentence = err.rpartition("Error: ")
    reasoning = talk if failed else err
    return Outcome(
        text=out.removesuffix("\n"), reasoning=reasoning, sentence=" ".join(sentence.split()), code=done.returncode,
        out=out, err=err, said=out + err + log,
    )  # fmt: skip


def keys_for_process(keys: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """Variables and flags that hand keys over: a command line is everybody's to read, so it only names them."""
    flags = ["-o", "hf_token", "env:FAULTS_HUB_TOKEN"] if "hf_token" in keys else []
    return {"OPENAI_API_KEY": keys["key"], "FAULTS_HUB_TOKEN": keys.get("hf_token", "")}, flags


Ask = Callable[[Play], Outcome]
WAYS: Mapping[str, Ask] = {"sync": ask_sync, "async": ask_async, "command": ask_by_command}


def outcome_of(name: str, way: str) -> Outcome:
    """Plays a scenario, asks once, and says what came of it on both sides."""
    with played(name) as play:
        began = time.perf_counter()
        outcome = WAYS[way](play)
        outcome.seconds = time.perf_counter() - began
        server = play.server
        asked = [request for request in server.requests if request.method == "POST"]
        outcome.requests, outcome.connections = len(asked), server.connections
        outcome.pauses = [after.at - before.at for before, after in pairwise(asked)]
        outcome.server_broke = list(server.broken)
        outcome.keys_sent = {request.headers.get("authorization", "") for request in asked}
        outcome.hub_keys = {request.headers.get("authorization", "") for request in server.others}
        outcome.paths = {request.path for request in asked}
    return outcome


class Everything(logging.Handler):
    """Keeps every record of every library, formatted, tracebacks included."""

    def __init__(self) -> None:
        super().__init__(1)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


def _take(event: Event, collector: Collector, outcome: Outcome) -> None:
    collector.add(event)
    if isinstance(event, Notice):
        outcome.notices.append(event.text)


def _fell(outcome: Outcome, error: Exception) -> None:
    outcome.error = error
    known = isinstance(error, UnifiedIntelligenceError)
    outcome.partial = getattr(error, "partial", "")
    outcome.sentence = f"{error.message} {error.hint}" if known else str(error)
    told = ["".join(traceback.format_exception(error))]
    linked: BaseException | None = error
    while linked is not None:
        told += [str(linked), repr(linked), repr(vars(linked)), repr(linked.args)]
        linked = linked.__cause__ or linked.__context__
    outcome.said = "\n".join(told)


def _fill(outcome: Outcome, collector: Collector) -> None:
    outcome.text, outcome.reasoning = "".join(collector.text), "".join(collector.reasoning)
    outcome.calls = tuple(call for _, call in sorted(collector.calls.items()))
    finished: Finished | None = collector.finished
    outcome.finish = finished.finish_reason if finished else ""
    outcome.said += "\n".join(outcome.notices)


def command_environment(home: Path) -> dict[str, str]:
    (home / "site").mkdir()
    (home / "site/sitecustomize.py").write_text(_LOG_EVERYTHING, "utf-8")
    return {
        "PATH": os.defpath,
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / ".config"),
        "PYTHONPATH": f"{SRC}{os.pathsep}{home / 'site'}",
        "FAULTS_LOG": str(home / "log"),
        "LANG": "C.UTF-8",
    }
