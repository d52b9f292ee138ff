"""A run that spends somebody's quota of GPU seconds: what it has spent, and when it must end."""

from __future__ import annotations

from unified_intelligence.benchmark.row import Row
from unified_intelligence.benchmark.space_reply import NO_GPU, NOTHING_LEFT, QUOTA

USED_UP = "the GPU quota was used up before its end"
TOKENLESS = "the Space has no GPU for who gives no token of the Hub (--key env:HF_TOKEN)"


class Spending:
    """`budget` is in GPU seconds, 0 for none; `at_once` requests are under way, whose seconds are as good as spent."""

    def __init__(self, budget: float = 0.0, at_once: int = 1) -> None:
        self._budget, self._at_once = budget, max(1, at_once)
        self._calls, self.seconds = 0, 0.0
        self.ended, self.refused = "", False

    def add(self, row: Row) -> bool:
        """Counts a request; True when it is the one after which no more may be sent."""
        if self.ended:
            return False
        spent = gpu_seconds(row)
        self.seconds += spent
        self._calls += spent > 0
        if row.error in NOTHING_LEFT:
            self.refused = True
            self.ended = USED_UP if row.error == QUOTA else TOKENLESS
        elif self._budget and self.seconds + self._under_way() >= self._budget:
            self.ended = f"it ended at its budget of {self._budget:g} GPU seconds"
        return bool(self.ended)

    def _under_way(self) -> float:
        return self.seconds / self._calls * self._at_once if self._calls else 0.0


def gpu_seconds(row: Row) -> float:
    """The GPU time of a request as its Space tells it; else the whole time of its work, which is no less, unless it was
    refused a GPU.
    """
    milliseconds = row.gpu_ms
    if milliseconds is None and row.error not in NO_GPU:
        milliseconds = row.work_ms
    return (milliseconds or 0.0) / 1000
