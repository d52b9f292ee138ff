"""What is measured of one answer while it passes: counts and seconds, never a word of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from types import TracebackType
from typing import TYPE_CHECKING, Self

from unified_intelligence.entities.errors import UnifiedIntelligenceError
from unified_intelligence.entities.generation import Event, Finished, Notice

if TYPE_CHECKING:
    from unified_intelligence.serving.service import Caller

CANCELLED = "abort"


@dataclass(slots=True)
class Figures:
    """What a request came to, added up over its answers. Seconds; None where it did not come to that.

    `model` is who answers. `waited` is until the first of them had its turn, known from then on; `queued` the longest
    of all, known at the end. `error` is the code of what failed, `finish_reason` that of the last answer, "abort" if
    the client left.
    """

    waited: float | None = None
    queued: float | None = None
    first_token: float | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    finish_reason: str = ""
    error: str = ""
    answers: int = 0
    model: str = ""


def _nothing(_seconds: float) -> None:
    return


class Watch:
    """Beside one answer: entered when it is asked for, told when its turn comes, shown every event, left at its end.

    `between` is given the seconds between two deltas, `done` the watch itself. `again`: the question is one that
    another answer of the same request is counted with.
    """

    __slots__ = (
        "again",
        "asked",
        "between",
        "caller",
        "completed",
        "deltas",
        "done",
        "ended",
        "failure",
        "first",
        "last",
        "turn",
    )

    def __init__(
        self, caller: Caller, between: Callable[[float], None] = _nothing, done: Callable[[Watch], None] | None = None
    ) -> None:
        self.caller, self.between, self.done = caller, between, done
        self.asked = perf_counter()
        self.again = False
        self.turn = self.first = self.last = self.ended = 0.0
        self.deltas = 0
        self.completed: Finished | None = None
        self.failure = ""

    def started(self) -> None:
        self.turn = perf_counter()
        if self.caller.figures.waited is None:
            self.caller.figures.waited = self.turn - self.asked

    def saw(self, event: Event) -> None:
        kind = type(event)
        if kind is Finished:
            self.completed = event  # pyright: ignore[reportAttributeAccessIssue] - `is` is cheaper than isinstance here
            return
        if kind is Notice:
            return
        now = perf_counter()
        if self.last:
            self.between(now - self.last)
        else:
            self.first = now
        self.last = now
        self.deltas += 1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, UnifiedIntelligenceError):
            self.failure = error.code
        elif isinstance(error, Exception):
            self.failure = "internal_error"
        elif error is None and self.completed is None:
            self.failure = "stream_interrupted"
        self.ended = perf_counter()
        self._add_up()
        if self.done is not None:
            self.done(self)

    @property
    def finish_reason(self) -> str:
        """OpenAI's reason; "error" or "abort" for an answer without an end."""
        if self.completed is not None:
            return self.completed.finish_reason
        return "error" if self.failure else CANCELLED

    @property
    def tokens(self) -> tuple[int, int]:
        """Tokens of the question and of the answer; without the model's own count, the deltas that came."""
        usage = self.completed.usage if self.completed is not None else None
        if usage is None:
            return 0, self.deltas
        return 0 if self.again else usage.prompt_tokens, usage.completion_tokens

    def _add_up(self) -> None:
        figures = self.caller.figures
        figures.answers += 1
        prompt, completion = self.tokens
        figures.prompt_tokens += prompt
        figures.completion_tokens += completion
        figures.finish_reason, figures.error = self.finish_reason, figures.error or self.failure
        if self.turn:
            figures.queued = max(figures.queued or 0.0, self.turn - self.asked)
        if self.first and figures.first_token is None:
            figures.first_token = self.first - self.asked
