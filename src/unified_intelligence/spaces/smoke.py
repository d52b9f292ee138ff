"""Smoke requests: real questions to what was deployed, and whether the answers are such as the spec expects."""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass
from typing import Any

from unified_intelligence.entities.errors import MissingDependencyError, UnifiedIntelligenceError
from unified_intelligence.entities.generation import Generation, GenerationConfig
from unified_intelligence.interfaces.text_generator import ITextGenerator
from unified_intelligence.spaces.spec import Expectation, Smoke

_KEPT = 2000  # characters of an answer in the report


@dataclass(frozen=True, slots=True)
class SmokeResult:
    """`failed` are the expectations that do not hold, in sentences; empty where all do. `seconds` to the end."""

    name: str
    seconds: float
    failed: tuple[str, ...]
    text: str = ""
    finish_reason: str = ""
    completion_tokens: int | None = None

    @property
    def ok(self) -> bool:
        return not self.failed


async def ask(generator: ITextGenerator, smoke: Smoke) -> SmokeResult:
    """Sends one. A provider that fails is a result that failed: its sentence is told."""
    system = [{"role": "system", "content": smoke.system}] if smoke.system else []
    started = time.perf_counter()
    try:
        config = GenerationConfig(**smoke.config)
        answer = await generator.agenerate([*system, {"role": "user", "content": smoke.prompt}], config)
    except UnifiedIntelligenceError as error:
        return SmokeResult(smoke.name, _since(started), (error.message,), error.partial[:_KEPT])
    seconds = _since(started)
    return SmokeResult(
        smoke.name,
        seconds,
        tuple(unmet(answer, seconds, smoke.expect)),
        answer.text[:_KEPT],
        answer.finish_reason,
        answer.usage.completion_tokens if answer.usage else None,
    )


def unmet(answer: Generation, seconds: float, expect: Expectation) -> list[str]:
    """The expectations that an answer does not meet."""
    failed: list[str] = []
    tokens = answer.usage.completion_tokens if answer.usage else None
    if expect.nonempty and not answer.text.strip():
        failed.append("the answer is empty")
    if expect.finish_reason and answer.finish_reason != expect.finish_reason:
        failed.append(f"it ended with {answer.finish_reason}, not with {expect.finish_reason}")
    if expect.max_latency is not None and seconds > expect.max_latency:
        failed.append(f"it took {seconds:.2f} s, more than {expect.max_latency:g} s")
    if expect.regex is not None and not re.search(expect.regex, answer.text):
        failed.append(f"nothing in it matches {expect.regex!r}")
    if expect.min_tokens is not None and (tokens is None or tokens < expect.min_tokens):
        failed.append(f"it has {'an unknown number of' if tokens is None else tokens} tokens, not {expect.min_tokens}")
    if expect.json_schema is not None:
        failed.extend(_unlike(answer.text, expect.json_schema))
    return failed


def _unlike(text: str, schema: dict[str, Any]) -> list[str]:
    try:
        import jsonschema
    except ModuleNotFoundError as error:
        raise MissingDependencyError("An expectation json_schema", error.name or "jsonschema", "deploy") from error
    try:
        jsonschema.validate(json.loads(text), schema)
    except ValueError:
        return ["it is no JSON"]
    except jsonschema.ValidationError as error:
        return [f"its JSON is not of the form that was asked for: {error.message}"]
    return []


def _since(started: float) -> float:
    return round(time.perf_counter() - started, 3)
