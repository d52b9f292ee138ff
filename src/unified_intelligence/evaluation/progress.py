"""How far a run is, for who watches it."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Iterable

from unified_intelligence.evaluation.outcome import OUTCOMES
from unified_intelligence.evaluation.record import Attempt
from unified_intelligence.figures.statistics import Interval, wilson

_RECENT = 30.0  # seconds that a rate is taken over


class Progress:
    """Counts of a run: `kept` were there before it began, `asked` are waited for now."""

    def __init__(self, planned: int, kept: Iterable[Attempt]) -> None:
        self.planned = planned
        self.outcomes = Counter(own.outcome for own in kept)
        self.kept = self.outcomes.total()
        self.errors: Counter[str] = Counter()
        self.retries: Counter[str] = Counter()
        self.asked = self.ended = 0
        self.started = time.perf_counter()
        self._ends: deque[float] = deque()

    @property
    def done(self) -> int:
        return self.kept + self.ended

    @property
    def right(self) -> int:
        return self.outcomes["right"]

    @property
    def answered(self) -> int:
        return sum(self.outcomes[own] for own in OUTCOMES if own != "error")

    @property
    def interval(self) -> Interval:
        return wilson(self.right, self.answered)

    def add(self, attempt: Attempt) -> None:
        self.ended += 1
        self.outcomes[attempt.outcome] += 1
        if attempt.error is not None:
            self.errors[attempt.error.type] += 1
        now = time.perf_counter()
        self._ends.append(now)
        while self._ends[0] < now - _RECENT:
            self._ends.popleft()

    def rate(self) -> float:
        """How many attempts ended a second, of late."""
        now = time.perf_counter()
        span = min(_RECENT, now - self.started)
        return sum(1 for end in self._ends if end >= now - span) / span if span > 0 else 0.0

    def remaining(self) -> float | None:
        """Seconds until the end at this rate; None while there is no rate."""
        rate = self.rate()
        return (self.planned - self.done) / rate if rate else None
