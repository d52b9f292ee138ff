"""What a Dockerfile says of how its container is run: working directory, variables, command."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

_VARIABLE = re.compile(r"\\\$|\$(\w+)|\$\{(\w+)(?::?-([^}]*))?\}")
_ASSIGNMENT = re.compile(r"""([A-Za-z_]\w*)=("(?:[^"\\]|\\.)*"|'[^']*'|(?:[^\s"'\\]|\\.)*)""")


@dataclass
class Container:
    """The last stage of a Dockerfile. `runs` are its RUN instructions, `copies` what is copied whereto, absolute."""

    directory: str = "/"
    variables: dict[str, str] = field(default_factory=dict[str, str])
    command: list[str] = field(default_factory=list[str])
    entry: list[str] = field(default_factory=list[str])
    runs: list[str] = field(default_factory=list[str])
    copies: list[tuple[list[str], str]] = field(default_factory=list[tuple[list[str], str]])


def read_dockerfile(text: str, arguments: Mapping[str, str]) -> Container:
    """`arguments` are the build arguments. Raises ValueError where there is no FROM or nothing to run."""
    container, known = None, dict[str, str]()
    for instruction, rest in _instructions(text):
        if instruction == "FROM":
            container, known = Container(), {}
        elif container is not None:
            _read(container, known, (instruction, rest), arguments)
    if container is None:
        raise ValueError("the Dockerfile has no FROM")
    if not (container.command or container.entry):
        raise ValueError("the Dockerfile has neither CMD nor ENTRYPOINT")
    return container


def _read(container: Container, known: dict[str, str], line: tuple[str, str], arguments: Mapping[str, str]) -> None:
    instruction, rest = line
    values = {**known, **container.variables}
    match instruction:
        case "ARG":
            name, _, default = rest.strip().partition("=")
            known[name] = arguments.get(name, _replaced(_unquoted(default), values))
        case "ENV":
            found = _ASSIGNMENT.findall(rest) if "=" in rest.split(maxsplit=1)[0] else [rest.split(maxsplit=1)]
            container.variables |= {name: _replaced(_unquoted(value), values) for name, value in found}
        case "WORKDIR":
            to = _replaced(_unquoted(rest.strip()), values)
            container.directory = to if to.startswith("/") else f"{container.directory.rstrip('/')}/{to}"
        case "CMD":
            container.command = _words(rest)
        case "ENTRYPOINT":
            container.entry, container.command = _words(rest), []
        case "RUN":
            container.runs.append(" ".join(rest.split()))
        case "COPY" | "ADD" if "--from=" not in rest:
            *sources, to = (_replaced(word, values) for word in _plain_words(rest))
            container.copies.append((sources, to if to.startswith("/") else f"{container.directory.rstrip('/')}/{to}"))
        case _:
            pass


def _instructions(text: str) -> list[tuple[str, str]]:
    """Each instruction with what follows it, its lines joined."""
    found: list[tuple[str, str]] = []
    joined = ""
    for line in text.splitlines():
        if line.lstrip().startswith("#") or (not joined and not line.strip()):
            continue
        joined += line.removesuffix("\\") if line.endswith("\\") else line
        if line.endswith("\\"):
            continue
        name, _, rest = joined.strip().partition(" ")
        found.append((name.upper(), rest.strip()))
        joined = ""
    return found


def _words(text: str) -> list[str]:
    """The program and its arguments; without a list in JSON a shell reads them."""
    try:
        words = json.loads(text)
    except ValueError:
        return ["/bin/sh", "-c", text]
    return [str(word) for word in words]


def _plain_words(text: str) -> list[str]:
    words = json.loads(text) if text.startswith("[") else text.split()
    return [str(word) for word in words if not str(word).startswith("--")]


def _unquoted(text: str) -> str:
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        text = text[1:-1]
    return text.replace('\\"', '"')


def _replaced(text: str, values: Mapping[str, str]) -> str:
    def value(found: re.Match[str]) -> str:
        name = found[1] or found[2]
        return "$" if name is None else values.get(name) or found[3] or ""

    return _VARIABLE.sub(value, text)
