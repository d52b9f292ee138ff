"""The last answers and errors, kept for who looks at the server now. What they said is not in it."""

from __future__ import annotations

import resource
import sys
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import Literal, NamedTuple, get_args

WINDOW = 60.0  # seconds over which rates are taken
_ANSWERS, _ERRORS = 512, 20
Outcome = Literal["answered", "refused", "failed", "left"]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)


class Answered(NamedTuple):
    """Seconds: `at` is perf_counter's; `first` and `total` are from the request on, `first` None without a piece.

    `between` is the answer's average from one token to the next, None for an answer of one token.
    """

    at: float
    first: float | None
    total: float
    prompt_tokens: int
    completion_tokens: int
    between: float | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """`route` is the path's template, so that nothing a client typed is kept."""

    code: str
    status: int
    request_id: str
    route: str = ""
    time: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))


class Recent:
    def __init__(self, begun: float | None = None) -> None:
        self._begun = perf_counter() if begun is None else begun
        self._answers: deque[Answered] = deque(maxlen=_ANSWERS)
        self._errors: deque[Failed] = deque(maxlen=_ERRORS)
        self._finished = 0
        self._outcomes = Counter(dict.fromkeys(OUTCOMES, 0))

    def ended(self, outcome: Outcome) -> None:
        """Counts a request to the API."""
        self._outcomes[outcome] += 1

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
            "requests": {
                "finished": self._finished,
                "per_second": len(lately) / window,
                "outcomes": dict(self._outcomes),
            },
            "tokens": {
                "completion_per_second": sum(answer.completion_tokens for answer in lately) / window,
                "prompt_per_second": sum(answer.prompt_tokens for answer in lately) / window,
            },
            "latency": {
                "answers": len(self._answers),
                "first_token": percentiles([answer.first for answer in self._answers if answer.first is not None]),
                "between_tokens": percentiles([one.between for one in self._answers if one.between is not None]),
                "total": percentiles([answer.total for answer in self._answers]),
            },
            "errors": [
                {
                    "time": failed.time,
                    "code": failed.code,
                    "status": failed.status,
                    "route": failed.route,
                    "request_id": failed.request_id,
                }
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
