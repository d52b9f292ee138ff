"""The report of a deployment: one JSON file a run, whole, which its owner alone can read. It holds no secret."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from unified_intelligence.disk.whole import replace
from unified_intelligence.entities.errors import UnifiedIntelligenceError, VerificationError
from unified_intelligence.spaces.verify import Verification

SCHEMA = 1


@dataclass(slots=True)
class DeploymentReport:
    """`steps` in the order in which they ended, each with its seconds and what it found."""

    space: str
    verb: str
    redact: Callable[[str], str] = str
    started: str = field(default_factory=lambda: datetime.now(UTC).isoformat())
    steps: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    outcome: str = "running"
    error: dict[str, Any] = field(default_factory=dict[str, Any])

    def step(self, name: str, seconds: float, found: object = None) -> None:
        """Adds one; `found` is in JSON's types."""
        self.steps.append({"step": name, "seconds": round(seconds, 3), "found": found})

    def failed(self, error: UnifiedIntelligenceError) -> None:
        """What went wrong, with what was verified up to then."""
        self.outcome = "failed"
        self.error = {"code": error.code, "exit": error.exit_code, "message": error.message, "hint": error.hint}
        if isinstance(error, VerificationError):
            self.error |= {"check": error.check, "log_tail": list(error.log_tail)}
            if isinstance(error.report, Verification):
                self.step("verify", sum(check.seconds for check in error.report.checks), error.report.as_json())

    def as_json(self) -> dict[str, Any]:
        return {
            "schema": SCHEMA,
            "space": self.space,
            "verb": self.verb,
            "started": self.started,
            "outcome": self.outcome,
            "error": self.error,
            "steps": self.steps,
        }

    def write(self, folder: Path) -> Path:
        """Writes a new file into the folder. Secrets are taken out once more, of everything."""
        stamp = f"{datetime.now(UTC):%Y%m%d-%H%M%S}"
        path = folder / f"{stamp}-{self.space.replace('/', '-')}-{self.verb}-{secrets.token_hex(2)}.json"
        text = json.dumps(_redacted(self.as_json(), self.redact), indent=2, ensure_ascii=False) + "\n"
        replace(path, text.encode(), private=True)
        return path


def _redacted(value: object, redact: Callable[[str], str]) -> object:
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {key: _redacted(one, redact) for key, one in cast("dict[str, object]", value).items()}
    if isinstance(value, list | tuple):
        return [_redacted(one, redact) for one in cast("list[object]", value)]
    return value
