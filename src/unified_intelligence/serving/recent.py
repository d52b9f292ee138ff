"""The last answers and errors, kept for who looks at the server now. What they said is not in it."""

from __future__ import annotations

import resource
import sys
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

WINDOW = 60.0  # seconds over which rates are taken
_ANSWERS, _ERRORS = 512, 20


class Answered(NamedTuple):
    """Seconds: `at` is perf_counter's; `first` and `total` are from the request on, `first` None without a piece."""

    at: float
    first: float | None
    total: float
    prompt_tokens: int
    completion_tokens: int


@dataclass(frozen=True, slots=True)
class Failed:
    code: str
    status: int
    request_id: str
    time: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))


class Recent:
    def __init__(self, begun: float | None = None) -> None:
        self._begun = perf_counter() if begun is None else begun
        self._answers: deque[Answered] = deque(maxlen=_ANSWERS)
        self._errors: deque[Failed] = deque(maxlen=_ERRORS)
        self._finished = 0

    def answered(self, answer: Answered) -> None:
        self._answers.append(answer)
        self._finished += 1

    def failed(self, failure: Failed) -> None:
        self._errors.append(failure)

    def figures(self) -> dict[str, object]:
        """Rates over the last minute, percentiles over the last answers; the newest error first."""
        now = perf_counter()
        begun = self._begun if len(self._answers) < _ANSWERS else self._answers[0].at
        window = max(min(WINDOW, now - begun), 1.0)
        lately = [answer for answer in self._answers if now - answer.at <= window]
        return {
            "uptime": now - self._begun,
            "requests": {"finished": self._finished, "per_second": len(lately) / window},
            "tokens": {
                "completion_per_second": sum(answer.completion_tokens for answer in lately) / window,
                "prompt_per_second": sum(answer.prompt_tokens for answer in lately) / window,
            },
            "latency": {
                "first_token": percentiles([answer.first for answer in self._answers if answer.first is not None]),
                "total": percentiles([answer.total for answer in self._answers]),
            },
            "errors": [
                {"time": failed.time, "code": failed.code, "status": failed.status, "request_id": failed.request_id}
                for failed in reversed(self._errors)
            ],
        }


def percentiles(values: Sequence[float]) -> dict[str, float | None]:
    """p50, p90 and p99, each a value that occurred; None without any."""
    ordered = sorted(values)
    return {
        f"p{percent}": ordered[max(0, -(-len(ordered) * percent // 100) - 1)] if ordered else None
        for percent in (50, 90, 99)
    }


def resident_bytes() -> int:
    """The memory this process holds now; where the system does not say, the most it ever held."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else most * 1024
    return pages * resource.getpagesize()
