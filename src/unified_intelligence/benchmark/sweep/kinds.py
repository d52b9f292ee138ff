"""The kinds of servers: the command that each is started with, and what a configuration is called.

In a command {port} stands for the port, which is chosen when the server is started.
"""

from __future__ import annotations

import json
import re
import shlex
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

Value = Any
PORT, HOST = "{port}", "127.0.0.1"
_PLACE = re.compile(r"\{(\w+)\}")

SHORT: Mapping[str, str] = {
    "tensor_parallel": "tp",
    "pipeline_parallel": "pp",
    "data_parallel": "dp",
    "max_model_len": "len",
    "ctx_size": "len",
    "max_num_seqs": "batch",
    "max_running": "batch",
    "parallel": "batch",
    "gpu_memory_utilization": "mem",
    "n_gpu_layers": "ngl",
    "quantization": "",
    "dtype": "",
}
_OF_VLLM = {
    "tensor_parallel": "--tensor-parallel-size",
    "pipeline_parallel": "--pipeline-parallel-size",
    "data_parallel": "--data-parallel-size",
}
_OF_SERVE = ("max_running", "max_waiting", "max_per_key", "max_wait", "max_body", "grace", "retries", "timeout")


class Asked(NamedTuple):
    """What a command is made of: one value for each option."""

    model: str
    provider: str
    program: tuple[str, ...]
    command: tuple[str, ...]
    options: Mapping[str, Value]


class Kind(NamedTuple):
    """`needs` are the keys a server of this kind must have. `ready_within` is in seconds."""

    needs: tuple[str, ...]
    command: Callable[[Asked], list[str]]
    health: str
    ready_within: float


def command_of(kind: str, asked: Asked) -> list[str]:
    """The command, with {port} in it. Raises ValueError for what the command has no place for."""
    return KINDS[kind].command(asked)


def model_of(kind: str, asked: Asked) -> str:
    """The name that requests carry."""
    if kind == "vllm":
        return str(asked.options.get("served_model_name") or asked.model)
    if kind == "llama.cpp":
        return Path(asked.model).name
    return asked.model or asked.provider


def gpus_of(kind: str, options: Mapping[str, Value]) -> int | None:
    """How many GPUs it uses, as far as its options tell."""
    if kind != "vllm":
        return None
    sizes = [options.get(name, 1) for name in _OF_VLLM]
    return sizes[0] * sizes[1] * sizes[2] if all(isinstance(size, int) for size in sizes) else None


def name_of(chosen: Mapping[str, Value]) -> str:
    """`tp1_len1024_batch24` of the options of a matrix, in its order; "" of none."""
    return "_".join(_named(name, value) for name, value in chosen.items())


def _named(name: str, value: Value) -> str:
    if isinstance(value, bool):
        return _plain(name) if value else f"no-{_plain(name)}"
    if value is None:
        return f"{SHORT.get(name) or _plain(name)}-default"
    word, said = SHORT.get(name, _plain(name)), _plain(str(value))
    return f"{word}-{said}" if word and not said[:1].isdigit() else f"{word}{said}"


def _plain(text: str) -> str:
    return re.sub(r"[^\w.+-]+", "-", text.replace("_", "-")).strip("-.")


def flags_of(options: Mapping[str, Value], named: Mapping[str, str]) -> list[str]:
    """`--name value`; true is the flag alone, false `--no-name`, null nothing, keys with values are JSON."""
    words: list[str] = []
    for name, value in options.items():
        flag = named.get(name, f"--{name.replace('_', '-')}")
        if value is True:
            words.append(flag)
        elif value is False:
            words.append(f"--no-{flag[2:]}")
        elif isinstance(value, list):
            words += [flag, *map(str, value)]  # pyright: ignore[reportUnknownArgumentType] a list of scalars, as it was read
        elif value is not None:
            words += [flag, json.dumps(value) if isinstance(value, dict) else str(value)]
    return words


def _vllm(asked: Asked) -> list[str]:
    program = asked.program or ("vllm",)
    return [*program, "serve", asked.model, "--host", HOST, "--port", PORT, *flags_of(asked.options, _OF_VLLM)]


def _uic(asked: Asked) -> list[str]:
    program = asked.program or (sys.executable, "-m", "unified_intelligence")
    words = [*program, "serve", "--host", HOST, "--port", PORT, "--log", "off"]
    words += ["--provider", asked.provider] if asked.provider else []
    words += ["--model", asked.model] if asked.model else []
    words += ["--served-name", model_of("uic", asked)]
    for name, value in asked.options.items():
        if value is None:
            continue
        said = str(value).lower() if isinstance(value, bool) else str(value)
        words += [f"--{name.replace('_', '-')}", said] if name in _OF_SERVE else ["-o", name, said]
    return words


def _llama_cpp(asked: Asked) -> list[str]:
    program = asked.program or ("llama-server",)
    source = "--model" if asked.model.endswith(".gguf") else "-hf"
    words = [*program, source, asked.model, "--alias", model_of("llama.cpp", asked), "--host", HOST, "--port", PORT]
    return [*words, *flags_of(asked.options, {})]


def _command(asked: Asked) -> list[str]:
    values = {"port": PORT, "python": sys.executable, "model": asked.model, **asked.options}
    places = {name for word in asked.command for name in _PLACE.findall(word)}
    if unknown := sorted(places - values.keys()):
        raise ValueError(f"has {{{unknown[0]}}}, which is none of {', '.join(sorted(values))}.")
    if unused := sorted(asked.options.keys() - places):
        raise ValueError(f"has no place for the option {unused[0]}: write {{{unused[0]}}} where its value belongs.")
    return [_PLACE.sub(lambda found: str(values[found[1]]), word) for word in asked.command]


KINDS: Mapping[str, Kind] = {
    "vllm": Kind(("model",), _vllm, "/health", 900.0),
    "uic": Kind((), _uic, "/health", 600.0),
    "llama.cpp": Kind(("model",), _llama_cpp, "/health", 600.0),
    "command": Kind(("model", "command"), _command, "", 300.0),
}


def words_of(text: str) -> list[str]:
    """A command that was written as one text. Raises ValueError for quotes that do not end."""
    return shlex.split(text)
