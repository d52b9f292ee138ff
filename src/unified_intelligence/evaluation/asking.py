"""A question put to a generator: its answer, or why there is none, and what another try would be worth."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from unified_intelligence.entities.errors import (
    AnswerInvalidError,
    AnswerRefusedError,
    AuthenticationError,
    ConfigurationError,
    MalformedToolCallError,
    ModelNotFoundError,
    NotFoundOrPrivateError,
    PaymentRequiredError,
    ProtocolError,
    ProviderError,
    QuotaExceededError,
    SpaceBrokenError,
    SpacePausedError,
    TlsError,
    UnifiedIntelligenceError,
)
from unified_intelligence.entities.generation import Timings
from unified_intelligence.evaluation.suite import Answer, Failure

if TYPE_CHECKING:
    from unified_intelligence.evaluation.suite import Sample
    from unified_intelligence.interfaces.text_generator import ITextGenerator

UNEXPECTED = "unexpected"
_FOR_ALL = (
    AuthenticationError,
    ConfigurationError,
    ModelNotFoundError,
    NotFoundOrPrivateError,
    PaymentRequiredError,
    QuotaExceededError,
    SpaceBrokenError,
    SpacePausedError,
    TlsError,
)


@dataclass(frozen=True, slots=True)
class Reply:
    """`retry_after` is what the server asks for, in seconds; `for_all` says that no other question fares better.

    `repeats` says that another reply tells of the same failed request. `started_at` and `queue_s` are told by who knows
    them better than the clock here, as a Space does that has many samples in one call.
    """

    answer: Answer
    retry_after: float | None = None
    for_all: bool = False
    hint: str = ""
    repeats: bool = False
    started_at: str = ""
    queue_s: float | None = None


async def ask(generator: ITextGenerator, sample: Sample) -> Reply:
    """Never raises what a provider raises: a failure is a reply with an error. So is a bug in it, which is named."""
    started = time.perf_counter()
    try:
        generation = await generator.agenerate(sample.messages, sample.config)
    except UnifiedIntelligenceError as error:
        return reply_of(error)
    except Exception as error:  # noqa: BLE001 - a provider may be anybody's; one question must not end a run
        return Reply(Answer(error=Failure(type=UNEXPECTED, message=f"{type(error).__name__}: {error}")))
    answer = Answer.of(generation)
    if answer.timings is None:
        total = time.perf_counter() - started
        answer = replace(answer, timings=Timings(total, total))
    return Reply(answer)


def reply_of(error: UnifiedIntelligenceError) -> Reply:
    """What an error means here. A call that nobody can read is the model's mistake; so is a form it did not keep.

    A filter that lets no answer through will not do so next time either: that is an answer, of nothing.
    """
    if isinstance(error, MalformedToolCallError):
        return Reply(Answer(text=error.written, unreadable=True, finish_reason="stop"))
    if isinstance(error, AnswerInvalidError):
        return Reply(Answer(text=error.answer, unreadable=True, finish_reason="stop"))
    if isinstance(error, AnswerRefusedError):
        return Reply(Answer(text=error.partial, unreadable=True, finish_reason="content_filter"))
    retryable = error.retryable or (isinstance(error, ProtocolError) and error.passing)
    failure = Failure(type=error.code, message=error.message, retryable=retryable)
    retry_after = error.retry_after if isinstance(error, ProviderError) else None
    return Reply(Answer(text=error.partial, error=failure), retry_after, isinstance(error, _FOR_ALL), error.hint)
