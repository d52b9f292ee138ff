"""What can be known to go wrong before anything is sent. It looks at rendered files only and asks nobody."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from unified_intelligence.entities.space import takes_sleep_time
from unified_intelligence.spaces import front_matter
from unified_intelligence.spaces.patterns import Patterns
from unified_intelligence.spaces.render import README, RenderedSpace
from unified_intelligence.spaces.spec import SpaceSpec

ZERO_GPU_PYTHON = ("3.12", "3.12.12", "3.10", "3.10.13")
ZERO_GPU_TORCH = ("2.8.0", "2.9.1", "2.10.0", "2.11.0")
LARGE = 10 * 1000 * 1000  # bytes: from here on git takes a file in LFS only
SHORT_DESCRIPTION = 60
DEFAULT_PORT = 7860
USER_ID = "1000"

_REQUIREMENTS = re.compile(r"(?:pre-)?requirements[\w.-]*\.txt")
_PINNED = re.compile(r"^[\w.\[\],-]+\s*(===?\s*[^\s*;]+|@\s*\S+)\s*(;.*)?$")
_SECRETS: Mapping[str, re.Pattern[bytes]] = {
    "a token of the Hub": re.compile(rb"\bhf_[A-Za-z0-9]{30,}"),
    "an API key": re.compile(rb"\bsk-[A-Za-z0-9_-]{20,}"),
    "a token of GitHub": re.compile(rb"\b(?:ghp|gho|ghs|github_pat)_[A-Za-z0-9_]{30,}"),
    "a key of AWS": re.compile(rb"\bAKIA[0-9A-Z]{16}\b"),
    "a private key": re.compile(rb"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----"),
}
_SHORTEST_VALUE = 8  # a shorter secret would be found in any text


@dataclass(frozen=True, slots=True)
class Finding:
    """An error would break the Space or give a secret away; a warning may be meant."""

    level: Literal["error", "warning"]
    path: str
    message: str
    line: int | None = None

    def told(self) -> str:
        place = f"{self.path}:{self.line}" if self.line else self.path
        return f"{place}: {self.message}"


def lint(rendered: RenderedSpace, secrets: Mapping[str, str] | None = None) -> tuple[Finding, ...]:
    """Errors first, else by path. `secrets` are values by name that no file may hold; they are not repeated."""
    found = [*_all(rendered, secrets or {})]
    return tuple(sorted(found, key=lambda each: (each.level, each.path, each.line or 0)))


def _all(rendered: RenderedSpace, secrets: Mapping[str, str]) -> Iterator[Finding]:
    spec, files = rendered.spec, rendered.files
    head, _ = front_matter.split(files[README].decode())
    yield from _head(spec, files, head)
    requirements = dict(_requirements(files))
    yield from _pins(requirements)
    if spec.sdk == "gradio":
        yield from _gradio(head, requirements)
    if spec.is_zero_gpu:
        yield from _zero_gpu(head, requirements)
    if spec.sdk == "docker":
        yield from _docker(files, head)
    if spec.sleep_time is not None and not takes_sleep_time(spec.hardware):
        yield Finding("warning", "space.yaml", f"sleep_time has no effect on {spec.hardware}: the Hub decides there")
    yield from _large_and_ignored(files)
    yield from _secrets(files, secrets)


def _head(spec: SpaceSpec, files: Mapping[str, bytes], head: Mapping[str, Any]) -> Iterator[Finding]:
    short = head.get("short_description")
    if isinstance(short, str) and len(short) > SHORT_DESCRIPTION:
        yield Finding(
            "error", README, f"short_description has {len(short)} signs, and the Hub takes {SHORT_DESCRIPTION}"
        )
    app_file = head.get("app_file", {"gradio": "app.py", "static": "index.html"}.get(spec.sdk))
    if app_file is not None and app_file not in files:
        yield Finding("error", README, f"app_file is {app_file}, and there is no such file")


def _gradio(head: Mapping[str, Any], requirements: Mapping[tuple[str, int], str]) -> Iterator[Finding]:
    version = head.get("sdk_version")
    if version is None:
        yield Finding("error", README, "sdk_version is missing: the Hub would take the newest Gradio at each build")
        return
    for (path, line), text in requirements.items():
        pinned = re.fullmatch(r"gradio(?:\[[\w,-]+\])?\s*==\s*([\w.]+)", text)
        if pinned and pinned[1] != str(version):
            yield Finding("error", path, f"gradio is pinned to {pinned[1]}, and sdk_version is {version}", line)


def _zero_gpu(head: Mapping[str, Any], requirements: Mapping[tuple[str, int], str]) -> Iterator[Finding]:
    python = head.get("python_version")
    if python is None:
        yield Finding("error", README, f"python_version is missing; ZeroGPU runs {_either(ZERO_GPU_PYTHON)}")
    elif not isinstance(python, str):
        yield Finding("error", README, "python_version is a number: write it in quotes, or 3.10 becomes 3.1")
    elif python not in ZERO_GPU_PYTHON:
        yield Finding("error", README, f"python_version is {python}; ZeroGPU runs {_either(ZERO_GPU_PYTHON)}")
    for (path, line), text in requirements.items():
        pinned = re.fullmatch(r"torch\s*==\s*([\d.]+)(?:\+\w+)?", text)
        if pinned and pinned[1] not in ZERO_GPU_TORCH:
            yield Finding("error", path, f"torch is {pinned[1]}; ZeroGPU runs {_either(ZERO_GPU_TORCH)}", line)


def _either(versions: tuple[str, ...]) -> str:
    return f"{', '.join(versions[:-1])} or {versions[-1]}"


def _docker(files: Mapping[str, bytes], head: Mapping[str, Any]) -> Iterator[Finding]:
    if "Dockerfile" not in files:
        yield Finding("error", "Dockerfile", "is missing: the sdk is docker")
        return
    text = files["Dockerfile"].decode("utf-8", "replace")
    lines = [(number, *line.split(None, 1)) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    told = [(number, rest[0].upper(), rest[1] if len(rest) > 1 else "") for number, *rest in lines]
    users = [(number, what.strip()) for number, word, what in told if word == "USER"]
    if not users or users[-1][1] in {"root", "0"}:
        number = users[-1][0] if users else None
        yield Finding(
            "error", "Dockerfile", f"runs as root: the Hub runs it as user {USER_ID}, so make one and USER it", number
        )
    elif users[-1][1].partition(":")[0] != USER_ID and not re.search(rf"(-u|--uid)[ =]{USER_ID}\b", text):
        yield Finding("warning", "Dockerfile", f"nobody says that {users[-1][1]} has the id {USER_ID}", users[-1][0])
    port = head.get("app_port", DEFAULT_PORT)
    exposed = [(number, what.split("/")[0].strip()) for number, word, what in told if word == "EXPOSE"]
    if exposed and str(port) not in {each for _, what in exposed for each in what.split()}:
        yield Finding("error", "Dockerfile", f"listens at {exposed[0][1]}, and app_port is {port}", exposed[0][0])


def _requirements(files: Mapping[str, bytes]) -> Iterator[tuple[tuple[str, int], str]]:
    """The lines that name a package, without options and comments; a line that goes on is one."""
    for path, content in files.items():
        if not _REQUIREMENTS.fullmatch(path):
            continue
        number, held = 0, ""
        for at, line in enumerate(content.decode("utf-8", "replace").splitlines(), 1):
            number = number if held else at
            held += line.removesuffix("\\")
            if line.endswith("\\"):
                continue
            text = re.sub(r"\s+#.*|^#.*|\s--hash=\S+", "", held).strip()
            held = ""
            if text and not text.startswith("-"):
                yield (path, number), text


def _pins(requirements: Mapping[tuple[str, int], str]) -> Iterator[Finding]:
    for (path, line), text in requirements.items():
        if not _PINNED.match(text):
            yield Finding("warning", path, f"{text} is not pinned: each build may take another one", line)


def _large_and_ignored(files: Mapping[str, bytes]) -> Iterator[Finding]:
    folders = [path.removesuffix(".gitignore") for path in files if path.rpartition("/")[2] == ".gitignore"]
    ignored = {
        folder: Patterns(files[f"{folder}.gitignore"].decode("utf-8", "replace").splitlines()) for folder in folders
    }
    for path, content in files.items():
        if len(content) > LARGE:
            yield Finding(
                "warning", path, f"has {len(content) / 1e6:.0f} MB: it goes into LFS, and every build fetches it"
            )
        for folder, patterns in ignored.items():
            if path.startswith(folder) and patterns.match(path.removeprefix(folder)):
                yield Finding("error", path, f"{folder}.gitignore names it, so the Hub would drop it silently")


def _secrets(files: Mapping[str, bytes], secrets: Mapping[str, str]) -> Iterator[Finding]:
    for path, content in files.items():
        for what, pattern in _SECRETS.items():
            if found := pattern.search(content):
                yield Finding(
                    "error", path, f"holds what looks like {what}", content.count(b"\n", 0, found.start()) + 1
                )
        for name, value in secrets.items():
            at = content.find(value.encode()) if len(value) >= _SHORTEST_VALUE else -1
            if at >= 0:
                yield Finding("error", path, f"holds the value of the secret {name}", content.count(b"\n", 0, at) + 1)
