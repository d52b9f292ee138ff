"""Why a server did not come up, read from the end of what it wrote."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from unified_intelligence.entities.errors import ServerFailedError

_TAIL = 64 * 1024
_SHOWN = 200

# Each before those that its text may also hold: a log of a GPU out of memory ends with other words as well.
_FAULTS: tuple[tuple[str, str], ...] = (
    (
        "out_of_memory",
        r"out of memory|OutOfMemoryError|No available memory for the cache blocks|less than desired GPU memory"
        r"|can be stored in KV cache|KV cache is needed|Cannot allocate memory|failed to allocate|MemoryError",
    ),
    (
        "port_in_use",
        r"[Aa]ddress already in use|EADDRINUSE|couldn't bind HTTP server|port .{0,20}is (?:already )?(?:in use|taken)",
    ),
    ("missing_package", r"ModuleNotFoundError|No module named|needs the library|cannot open shared object file"),
    ("no_gpu", r"No CUDA GPUs are available|Failed to infer device type|Found no NVIDIA driver|no CUDA-capable device"),
    (
        "no_model",
        r"is not a valid model identifier|Repository Not Found|RepositoryNotFoundError|failed to load model|no model at"
        r"|does not appear to have a file|GatedRepoError|there is no model",
    ),
    (
        "bad_argument",
        r"unrecognized arguments|error: (?:invalid )?argument|invalid choice|No such option"
        r"|There is no (?:option|provider)|ValidationError|usage: ",
    ),
)
_PATTERNS = tuple((kind, re.compile(pattern, re.IGNORECASE)) for kind, pattern in _FAULTS)
_KILLED = 9


class ServerFaultError(ServerFailedError):
    """A server of a sweep that cannot be measured. `kind` is a word for it, as `never_ready`."""

    def __init__(self, kind: str, said: str) -> None:
        super().__init__(said)
        self.kind = kind


class Found(NamedTuple):
    """`line` is what the server said itself, as far as a reader wants it."""

    kind: str
    line: str


def found_in(log: Path) -> Found:
    """The last line that tells a known fault; else `died` and the last line."""
    lines = [line.strip() for line in tail_of(log).splitlines() if line.strip()]
    for kind, pattern in _PATTERNS:
        for line in reversed(lines):
            if pattern.search(line):
                return Found(kind, line[:_SHOWN])
    return Found("died", lines[-1][:_SHOWN] if lines else "")


def tail_of(log: Path) -> str:
    try:
        with log.open("rb") as file:
            file.seek(max(0, file.seek(0, 2) - _TAIL))
            return file.read().decode("utf-8", "replace")
    except OSError:
        return ""


def death(log: Path, code: int | None, when: str) -> ServerFaultError:
    """What is said of a server that ended by itself; `code` is negative for a signal."""
    found = found_in(log)
    how = "ended" if code is None else f"ended with code {code}" if code >= 0 else f"was ended by signal {-code}"
    kind = found.kind
    if code == -_KILLED and kind == "died":
        kind = "killed"
    said = f": {found.line}" if found.line else ", and wrote nothing"
    return ServerFaultError(kind, f"It {how} {when}{said}")
