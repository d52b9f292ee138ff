"""What a sweep is to measure: servers, each with a matrix of options, and the loads that each is sent."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

from unified_intelligence.benchmark.sweep.document import Part, read_document
from unified_intelligence.benchmark.sweep.kinds import (
    KINDS,
    Asked,
    command_of,
    gpus_of,
    model_of,
    name_of,
    words_of,
)
from unified_intelligence.benchmark.sweep.loads import Wanted, read_loads

_TOP = ("name", "servers", "loads", "gpu", "cooldown")
_SERVER = (
    "name", "kind", "model", "provider", "program", "command", "options", "matrix", "environment", "gpus", "port",
    "health", "ready_within", "stop_within",
)  # fmt: skip
_GPU = ("slack_mib", "within")
_WHOLE = frozenset({
    "tensor_parallel", "pipeline_parallel", "data_parallel", "max_model_len", "max_num_seqs", "max_running",
    "max_waiting", "ctx_size", "parallel",
})  # fmt: skip
_NAME = re.compile(r"[\w][\w.+-]*")
_STOP_WITHIN = 20.0
_LONGEST_NAME = 200  # bytes: a file's name may have 255, with what is added to a run's


class Configuration(NamedTuple):
    """A server with one value for each option. In `command` {port} stands for the port; `port` 0 is a free one.

    `health` is the path that answers 200 when it is well, "" for none. Times are in seconds.
    """

    name: str
    server: str
    kind: str
    model: str
    options: dict[str, Any]
    gpus: int | None
    command: list[str]
    environment: dict[str, str]
    port: int
    health: str
    ready_within: float
    stop_within: float

    def depends_on(self) -> dict[str, Any]:
        """What of it would change a figure."""
        return {
            "kind": self.kind,
            "name": self.name,
            "options": self.options,
            "command": self.command,
            "environment": self.environment,
        }


class Sweep(NamedTuple):
    """`folder` is the spec's: paths in it begin there, and servers are started in it. `gpu_slack_mib`: how much more
    memory than before the sweep a GPU may hold after a server; `gpu_within`: how long to wait for it, in seconds.
    """

    name: str
    folder: Path
    configurations: list[Configuration]
    loads: list[Wanted]
    gpu_slack_mib: int = 512
    gpu_within: float = 60.0
    cooldown: float = 0.0


def read_sweep(path: Path, is_secret: Callable[[str], bool]) -> Sweep:
    """Raises ConfigurationError with the line and what is accepted there, MissingDependencyError."""
    top = read_document(path)
    keys = top.keys(_TOP, ("servers", "loads"))
    name = _name(keys["name"]) if "name" in keys else path.stem
    gpu = keys["gpu"].keys(_GPU) if "gpu" in keys else {}
    servers = keys["servers"].items()
    configurations = [own for part in servers for own in _configurations(part, is_secret, several=len(servers) > 1)]
    _distinct(keys["servers"], [own.name for own in configurations], "configurations")
    loads = read_loads(keys["loads"], path.parent)
    _distinct(keys["loads"], [own.label for own in loads], "loads")
    longest = max((f"{name}_{own.name}_{load.label}" for own in configurations for load in loads), key=len)
    if len(longest.encode()) > _LONGEST_NAME:
        top.fail(f"makes a name that no file can have: {longest[:60]}... Move options from matrix to options.")
    return Sweep(
        name=name,
        folder=path.parent,
        configurations=configurations,
        loads=loads,
        gpu_slack_mib=gpu["slack_mib"].whole(0) if "slack_mib" in gpu else 512,
        gpu_within=gpu["within"].seconds() if "within" in gpu else 60.0,
        cooldown=keys["cooldown"].seconds() if "cooldown" in keys else 0.0,
    )


def _name(part: Part) -> str:
    text = part.text()
    if not _NAME.fullmatch(text):
        part.fail(f"takes letters, digits and . _ + - for a file's name, not {text!r}.")
    return text


def _distinct(part: Part, names: Sequence[str], what: str) -> None:
    twice = [name for number, name in enumerate(names) if name in names[:number]]
    if twice:
        part.fail(f"makes two {what} of the name {twice[0]}: give one of them a name of its own with the key name.")


def _configurations(part: Part, is_secret: Callable[[str], bool], *, several: bool) -> Iterator[Configuration]:
    keys = part.keys(_SERVER, ("kind",))
    kind = keys["kind"].one_of(tuple(KINDS))
    part.keys(_SERVER, KINDS[kind].needs)
    if kind == "uic" and not {"provider", "model"} & keys.keys():
        part.fail("needs a provider, or a model that runs here.")
    server = _name(keys["name"]) if "name" in keys else kind
    environment = {each: str(own) for each, own in _options(keys.get("environment"), is_secret).items()}
    fixed = _options(keys.get("options"), is_secret)
    matrix = _matrix(keys.get("matrix"), fixed, is_secret)
    for chosen in itertools.product(*matrix.values()):
        varied = dict(zip(matrix, chosen, strict=True))
        asked = _asked(keys, {**fixed, **varied})
        name = "_".join(filter(None, (server if several or "name" in keys or not varied else "", name_of(varied))))
        yield _configuration(keys, name, server, kind, asked)._replace(environment=environment)


def _configuration(keys: Mapping[str, Part], name: str, server: str, kind: str, asked: Asked) -> Configuration:
    try:
        command = command_of(kind, asked)
    except ValueError as error:
        keys["command"].fail(str(error))
    return Configuration(
        name=name,
        server=server,
        kind=kind,
        model=model_of(kind, asked),
        options=dict(asked.options),
        gpus=keys["gpus"].whole() if "gpus" in keys else gpus_of(kind, asked.options),
        command=command,
        environment={},
        port=keys["port"].whole() if "port" in keys else 0,
        health=keys["health"].text() if "health" in keys else KINDS[kind].health,
        ready_within=keys["ready_within"].seconds() if "ready_within" in keys else KINDS[kind].ready_within,
        stop_within=keys["stop_within"].seconds() if "stop_within" in keys else _STOP_WITHIN,
    )


def _asked(keys: Mapping[str, Part], options: dict[str, Any]) -> Asked:
    def words(name: str) -> tuple[str, ...]:
        part = keys.get(name)
        if part is None:
            return ()
        if isinstance(part.value, list):
            return tuple(str(item.scalar()) for item in part.items())
        try:
            return tuple(words_of(part.text()))
        except ValueError as error:
            part.fail(f"is no command: {error}.")

    def text(name: str) -> str:
        return keys[name].text() if name in keys else ""

    return Asked(text("model"), text("provider"), words("program"), words("command"), options)


def _options(part: Part | None, is_secret: Callable[[str], bool]) -> dict[str, Any]:
    return {} if part is None else {name: _option(name, own, is_secret) for name, own in part.parts().items()}


def _option(name: str, part: Part, is_secret: Callable[[str], bool]) -> Any:
    """A value as the server gets it; of the options known here the type is checked."""
    if is_secret(name):
        part.fail("may not stand here, where others can read it.", "Servers inherit the environment.")
    if name in _WHOLE:
        return part.whole()
    if name == "gpu_memory_utilization":
        return part.share()
    if isinstance(part.value, list):
        return [own.scalar() for own in part.items()]
    return cast("Any", part).value if part.form in {"nothing", "keys with values"} else part.scalar()


def _matrix(part: Part | None, fixed: Mapping[str, Any], is_secret: Callable[[str], bool]) -> dict[str, list[Any]]:
    if part is None:
        return {}
    found: dict[str, list[Any]] = {}
    for name, own in part.parts().items():
        if name in fixed:
            own.fail("is in options too: leave it out of one of them.")
        found[name] = [_option(name, each, is_secret) for each in own.items()]
    return found
