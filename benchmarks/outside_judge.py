"""What an outside judge says of the adapter: llmock breaks a server in all its ways and grades how a client takes it.

    pip install llmock
    python -m benchmarks.outside_judge [--output FILE]

llmock sees attempts only. Where an answer broke after its first words, the adapter raises and never asks again by
itself: it would repeat what was read already. The program that called it decides, so the one here does what its
errors allow: where an answer broke off and the error says `retryable`, it asks once more.

Two things it would warn of are meant, and left out: a 409 that asks for no other try is not tried again, and a
Retry-After beyond the deadline, such as an hour, is told at once instead of waited for. Full jitter may draw a second
wait that is shorter than the first, which it would warn of too: the draws are seeded.
"""

from __future__ import annotations

import argparse
import json
import platform
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

from unified_intelligence.entities.errors import UnifiedIntelligenceError
from unified_intelligence.entities.generation import GenerationConfig
from unified_intelligence.entities.tools import ToolSpec
from unified_intelligence.factories.provider_factory import ProviderFactory
from unified_intelligence.interfaces.text_generator import ITextGenerator

HERE = Path(__file__).parent
OPTIONS: Mapping[str, Any] = {
    "model": "m",
    "key": "k",
    "timeout": 15.0,
    "first_token_timeout": 1.0,
    "idle_timeout": 1.0,
    "retries": 2,
}
TOOL = ToolSpec("pay", "Pays an amount.", {"type": "object", "properties": {"amount": {"type": "number"}}})
_BROKE_OFF = {1, 7, 8}  # a call nobody can read, a timer, an interrupted stream
_PACE = 30  # milliseconds between chunks: the judge sees a client hang up only while it still sends
Behaviours = Sequence[Mapping[str, object]]


@dataclass(frozen=True)
class Trial:
    """`succeeds` says whether an answer must come of it in the end."""

    behaviours: Behaviours
    succeeds: bool = True
    tools: bool = False
    rpm: int | None = None
    context_window: int | None = None


def _fail(status: int, times: int | None = 1, **more: object) -> Mapping[str, object]:
    return {"type": "fail", "status": status, "times": times, **more}


def _stream(kind: str, after: int = 2) -> Mapping[str, object]:
    return {"type": "stream_fault", "kind": kind, "after_chunks": after, "stall_seconds": 5.0}


TRIALS: Mapping[str, Trial] = {
    "healthy": Trial([]),
    **{f"fail {status} once": Trial([_fail(status)]) for status in (408, 429, 500, 502, 503, 504, 529)},
    "fail 409 once, with Retry-After": Trial([_fail(409, retry_after=0.3)]),
    **{f"fail {status} always": Trial([_fail(status, None)], succeeds=False) for status in (500, 503)},
    **{
        f"fail {status}": Trial([_fail(status, None)], succeeds=False) for status in (400, 401, 403, 404, 413, 422, 501)
    },
    "rate limit twice": Trial([_fail(429, 2, retry_after=0.6)]),
    "context overflow": Trial(
        [_fail(400, None, code="context_length_exceeded", message="This model's maximum context length was exceeded.")],
        succeeds=False,
    ),
    "quota of 30 a minute": Trial([], rpm=30),
    "context window": Trial([], succeeds=False, context_window=2),
    "delay": Trial([{"type": "delay", "seconds": 0.4}]),
    "slow first token": Trial([{"type": "slow_first_token", "seconds": 2.5}]),
    "disconnect": Trial([_stream("disconnect")]),
    "disconnect at once": Trial([_stream("disconnect", 0)]),
    "truncate": Trial([_stream("truncate")]),
    "truncate at once": Trial([_stream("truncate", 0)]),
    "malformed": Trial([_stream("malformed")]),
    "malformed at once": Trial([_stream("malformed", 0)]),
    "stall": Trial([_stream("stall")]),
    "stall at once": Trial([_stream("stall", 0)]),
    "tool call with broken arguments": Trial([{"type": "tool_fault", "kind": "malformed_arguments"}], tools=True),
    "call of a tool nobody offered": Trial([{"type": "tool_fault", "kind": "unknown_tool"}], tools=True),
    "rate limit, then truncate": Trial([_fail(429, retry_after=0.3), _stream("truncate")]),
}


def ask(generator: ITextGenerator, question: str, config: GenerationConfig) -> str:
    """What a careful program does: the answer's text, or the code of the error that remained."""
    for patience in (1, 0):
        try:
            return f"answer: {generator.generate(question, config).text}"
        except UnifiedIntelligenceError as error:
            broken_off = error.retryable and error.exit_code in _BROKE_OFF
            if not (patience and broken_off):
                return f"error: {error.code}"
    raise AssertionError


def judged(name: str) -> dict[str, object]:
    """One trial on a server of its own, with the judge's verdict. Raises RuntimeError where it ended otherwise."""
    llmock: Any = import_module("llmock.pytest_plugin").LLMock
    server_of_llmock: Any = import_module("llmock.testing").LLMockServer
    behaviour_of: Any = import_module("llmock.scenarios").behavior_from_dict
    trial = TRIALS[name]
    config = GenerationConfig(tools=(TOOL,) if trial.tools else ())
    with server_of_llmock() as server:
        judge: Any = llmock(server)
        judge.add(*(behaviour_of(dict(behaviour)) for behaviour in trial.behaviours))
        judge.limits(rpm=trial.rpm, context_window=trial.context_window)
        judge.pace(_PACE)
        generator = ProviderFactory().create("openai_compatible", base_url=judge.base_url(), **OPTIONS)
        random.seed(1)
        began = time.perf_counter()
        said = [ask(generator, f"Ça va, {name} ? 🙂", config) for _ in range((trial.rpm or 0) + 1)]
        seconds = time.perf_counter() - began
        generator.close()
        verdict = judge.verdict()
    if said[-1].startswith("answer: ") != trial.succeeds:
        raise RuntimeError(f"{name} ended with {said[-1]}")
    findings = [f"{finding.severity} {finding.code}: {finding.title}" for finding in verdict.findings]
    return {
        "attempts": verdict.attempts,
        "faults": verdict.faults,
        "errors": len(verdict.errors),
        "warnings": len(verdict.warnings),
        "findings": findings,
        "ended": said[-1].partition(":")[0] if trial.succeeds else said[-1],
        "seconds": round(seconds, 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=HERE / "results/outside_judge.json")
    output = parser.parse_args().output
    trials: dict[str, dict[str, object]] = {}
    for name in TRIALS:
        trials[name] = judged(name)
        print(f"{name:36} {trials[name]}")
    result = {
        "command": "python -m benchmarks.outside_judge",
        "date": datetime.now(UTC).date().isoformat(),
        "python": platform.python_version(),
        "llmock": version("llmock"),
        "trials": len(trials),
        "FAIL": sum(int(str(trial["errors"])) for trial in trials.values()),
        "WARN": sum(int(str(trial["warnings"])) for trial in trials.values()),
        "by trial": trials,
    }
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"{len(trials)} trials, {result['FAIL']} FAIL, {result['WARN']} WARN")


if __name__ == "__main__":
    main()
