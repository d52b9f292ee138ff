"""What is asked: prompts of a file, made ones of a length, or questions of finance. A name always gives the same."""

from __future__ import annotations

import csv
import hashlib
import random
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec

from unified_intelligence.benchmark.plan import Prompt
from unified_intelligence.entities.errors import ConfigurationError, InvalidRequestError

_WORDS = (
    "rate bond yield price risk share fund cash debt loan asset gain loss tax bank cost value time year month market "
    "order trade index note line table chart number answer question report letter house water river stone paper glass"
).split()
_MADE = 256  # different prompts: more than fit any batch


def prompts_of(spec: str, seed: int = 0) -> list[Prompt]:
    """`finance`, `synthetic:in=N,out=N`, or a file. Raises InvalidRequestError, ConfigurationError for the file."""
    if spec == "finance":
        text = files(__package__ or "").joinpath("finance_prompts.txt").read_text("utf-8")
        return [_asked(line) for line in text.splitlines() if line.strip()]
    if spec.startswith("synthetic"):
        return _synthetic(spec, seed)
    return _of_file(Path(spec).expanduser())


def digest(bodies: Sequence[str]) -> str:
    """A digest of what is sent."""
    return hashlib.sha256("\n".join(bodies).encode()).hexdigest()[:16]


def body_of(prompt: Prompt, model: str, max_tokens: int | None, extra: dict[str, Any]) -> str:
    """A request's body as OpenAI's API has it."""
    body: dict[str, Any] = {
        "model": model,
        "messages": prompt.messages,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    limit = prompt.max_tokens or max_tokens
    if limit:
        body["max_tokens"] = limit
    return msgspec.json.encode(body | extra).decode()


class Arrival(msgspec.Struct, frozen=True):
    """A line of a trace: when, in seconds from its start, and what."""

    at: float
    prompt: Prompt


def read_trace(path: Path, seed: int = 0) -> list[Arrival]:
    """JSON Lines or CSV with `timestamp` (s) or `timestamp_ms`, and `prompt` or `input_tokens`, and `output_tokens`.

    Raises ConfigurationError.
    """
    found: list[Arrival] = []
    for number, line in enumerate(_lines(path), 1):
        try:
            at = float(line["timestamp_ms"]) / 1000 if "timestamp_ms" in line else float(line["timestamp"])
            out = line.get("output_tokens") or line.get("output_length") or 0
            words = int(line.get("input_tokens") or line.get("input_length") or 0)
            text = str(line.get("prompt") or _made(words or 32, f"{seed} {number}"))
            found.append(Arrival(at, _asked(text, int(out) or None)))
        except (KeyError, ValueError, TypeError) as error:
            raise ConfigurationError(
                f"{path}, line {number} is no arrival: {error}.", hint='As {"timestamp": 0.25, "prompt": "..."}'
            ) from error
    if not found:
        raise ConfigurationError(f"{path} has no arrivals.")
    first = min(own.at for own in found)
    return sorted((Arrival(own.at - first, own.prompt) for own in found), key=lambda own: own.at)


def _synthetic(spec: str, seed: int) -> list[Prompt]:
    parts = [part.partition("=") for part in spec.partition(":")[2].split(",") if part]
    given = {name: value for name, _, value in parts}
    if given.keys() - {"in", "out"} or not all(value.isdigit() and int(value) for value in given.values()):
        raise InvalidRequestError(f"{spec!r} makes no prompts.", hint="Such as: --prompts synthetic:in=512,out=128")
    words, out = int(given.get("in", 128)), int(given.get("out", 0))
    return [_asked(_made(words, f"{seed} {number}"), out or None) for number in range(_MADE)]


def _made(words: int, seed: str) -> str:
    """A text of so many words, each about a token; texts differ from the first word on, so that no server has read them
    before.
    """
    draw = random.Random(seed)
    return " ".join(draw.choice(_WORDS) for _ in range(words))


def _asked(text: str, max_tokens: int | None = None) -> Prompt:
    return Prompt(messages=[{"role": "user", "content": text}], max_tokens=max_tokens)


def _of_file(path: Path) -> list[Prompt]:
    if path.suffix not in {".jsonl", ".csv"}:
        found = [_asked(line) for line in _text(path).split("\n") if line.strip()]
    else:
        found = [_of_line(path, number, line) for number, line in enumerate(_lines(path), 1)]
    if not found:
        raise ConfigurationError(f"{path} has no prompts.")
    return found


def _of_line(path: Path, number: int, line: dict[str, Any]) -> Prompt:
    limit = int(line["max_tokens"]) if str(line.get("max_tokens") or "").isdigit() else None
    if isinstance(line.get("messages"), list):
        return Prompt(messages=line["messages"], max_tokens=limit)
    text = line.get("prompt") or line.get("question") or line.get("text")
    if not isinstance(text, str):
        raise ConfigurationError(
            f"{path}, line {number} has no prompt.", hint='As {"prompt": "..."} or {"messages": [...]}'
        )
    return _asked(text, limit)


def _lines(path: Path) -> list[dict[str, Any]]:
    text = _text(path)
    if path.suffix == ".csv":
        return list(csv.DictReader(text.split("\n")))
    found: list[dict[str, Any]] = []
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                found.append(msgspec.json.decode(line, type=dict[str, Any]))
            except msgspec.MsgspecError as error:
                raise ConfigurationError(f"{path}, line {number} is no JSON object: {error}.") from error
    return found


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigurationError(
            f"{path} cannot be read: {reason}.", hint="--prompts takes finance, synthetic:in=N,out=N or a file."
        ) from error
