"""One request of a benchmark: when each thing happened, what came, what went wrong. A row of the stored responses.

Stamps are ns of CLOCK_REALTIME, 0 where the thing did not happen; what is derived from them is in milliseconds.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct, field


class Row(Struct, kw_only=True, omit_defaults=True):
    """`intended` is when the schedule wanted it, `dispatched` when the client took it up, `sent` when it went out.

    `first` is the first event with a piece of the answer of any channel, `visible` the first that is no reasoning,
    `last` the last piece, `ended` the end of the reply. `gaps_ms` are between arrivals that carried pieces: events that
    came in one segment, or were read together, are one arrival; `first_events` came in the first. `error` is the kind
    of failure, "" for a whole answer.

    Of a Gradio Space: `joined` is when it had given a place in its queue, with `ahead` requests before it there and
    `eta_ms` to wait as it thought; `started` is when it said that the work begins, so that `queue_ms` is between the
    two. Of that work the Space may tell `gpu_wait_ms` until a GPU was lent, `gpu_ms` for which it was held, and
    `compute_ms` of the model.
    """

    number: int
    prompt: int = 0
    worker: int = 0
    warmup: bool = False
    intended: int = 0
    dispatched: int = 0
    sent: int = 0
    first: int = 0
    visible: int = 0
    last: int = 0
    ended: int = 0
    connect_ms: float | None = None
    queue_ms: float | None = None
    read_late_ms: float = 0.0
    kernel: bool = False
    status: int = 0
    error: str = ""
    message: str = ""
    tokens: int = 0
    counted_by: str = ""
    prompt_tokens: int | None = None
    reasoning_tokens: int | None = None
    events: int = 0
    arrivals: int = 0
    first_events: int = 0
    reasoning_events: int = 0
    gaps_ms: list[float] = field(default_factory=list[float])
    finish: str = ""
    text: str = ""
    reasoning: str = ""
    tools: str = ""
    joined: int = 0
    started: int = 0
    ahead: int | None = None
    eta_ms: float | None = None
    gpu_wait_ms: float | None = None
    gpu_ms: float | None = None
    compute_ms: float | None = None

    @property
    def ttft_ms(self) -> float | None:
        return _ms(self.sent, self.first)

    @property
    def visible_ms(self) -> float | None:
        """Time to the first piece that a reader sees."""
        return _ms(self.sent, self.visible)

    @property
    def first_unsure_ms(self) -> float:
        """How much earlier the first piece may have come, where it was read late and together with others."""
        return self.read_late_ms if self.first_events > 1 else 0.0

    @property
    def e2e_ms(self) -> float | None:
        """Time to the last piece of the answer."""
        return _ms(self.sent, self.last)

    @property
    def scheduled_ms(self) -> float | None:
        """Time to the last piece from when the schedule wanted the request sent, waiting in the client included."""
        return _ms(self.intended, self.last)

    @property
    def tpot_ms(self) -> float | None:
        """For each token after the first; None for fewer than two."""
        span = _ms(self.first, self.last)
        return span / (self.tokens - 1) if span is not None and self.tokens > 1 else None

    @property
    def join_ms(self) -> float | None:
        """Time until a place in a Space's queue was given."""
        return _ms(self.sent, self.joined)

    @property
    def work_ms(self) -> float | None:
        """Time from when a Space said that the work begins to the end of its reply."""
        return _ms(self.started, self.ended)

    @property
    def lag_ms(self) -> float:
        """How late the client sent it; a new connection's own time is not the client's."""
        left = self.sent or self.dispatched
        return max(0.0, (left - self.intended) / 1e6 - (self.connect_ms or 0.0))

    def figures(self) -> dict[str, Any]:
        """What is derived, for who reads the row without this class."""
        names = ("ttft_ms", "visible_ms", "e2e_ms", "scheduled_ms", "tpot_ms", "lag_ms", "join_ms", "work_ms")
        return {name: getattr(self, name) for name in names}


def _ms(start: int, end: int) -> float | None:
    return (end - start) / 1e6 if start and end else None
