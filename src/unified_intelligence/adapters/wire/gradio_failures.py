"""What a Space says when it fails: ZeroGPU's and Gradio's own messages, and the typed errors of our Spaces.

A message of ZeroGPU is known by its title first and by its text second; older versions of Gradio send the text alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import cast

import msgspec

from unified_intelligence.adapters.wire.failures import UNREADABLE, clock_time, visible
from unified_intelligence.entities.errors import (
    AnswerInvalidError,
    AnswerRefusedError,
    AuthenticationError,
    ContextLengthError,
    InvalidRequestError,
    MalformedToolCallError,
    ModelError,
    ModelNotFoundError,
    NotFoundOrPrivateError,
    ProtocolError,
    ProviderError,
    QuotaExceededError,
    RateLimitedError,
    ServerBusyError,
    ServerFailedError,
    StreamInterruptedError,
    UnifiedIntelligenceError,
    code_of,
)

_CLOCK = re.compile(r"try again in (?:(\d+) days?, )?(\d+):(\d\d):(\d\d)", re.IGNORECASE)
_UNIT = re.compile(r"(?:try again|retry) in (\d+(?:\.\d+)?) ?(s|m|h)", re.IGNORECASE)
_SECONDS = {"s": 1, "m": 60, "h": 3600}
_OURS = "uic:"  # before the kind of an error, in the title of one that our Spaces raise
_SILENT = "Look at the Space's page and log: it may be its quota. Gradio 6 with show_error=True tells callers more."
_LOGS = "Look into the Space's log."
_TOKEN = "Give a token of the Hub: HF_TOKEN in the environment, or -o token env:NAME"
_QUOTA = "Wait for that, give the token of an account with more quota, or ask another provider."
_AGAIN = "Try again in a while; a token of the Hub is served before none."


@dataclass(frozen=True, slots=True)
class _Rule:
    """What a message means whose title and text match; without a title the text is all there is to know it by."""

    title: str
    text: str
    kind: type[UnifiedIntelligenceError]
    hint: str


_RULES = (
    _Rule("quota exceeded", r"reached its GPU limit", AuthenticationError, _TOKEN),
    _Rule("quota exceeded", r"No GPU was available", ServerBusyError, _AGAIN),
    _Rule("quota exceeded", r"exceeded your .*ZeroGPU", QuotaExceededError, _QUOTA),
    _Rule("quota exceeded", r"", QuotaExceededError, _QUOTA),
    _Rule("queue timeout", r"No GPU was available", ServerBusyError, _AGAIN),
    _Rule("queue timeout", r"", ServerBusyError, _AGAIN),
    _Rule("illegal duration", r"larger than the maximum allowed", InvalidRequestError,
          "Ask for less in one call: a smaller --max-tokens, a shorter text."),
    _Rule("illegal duration", r"", InvalidRequestError, "Ask for less in one call: a smaller --max-tokens."),
    _Rule("pending credits exceeded", r"too many ZeroGPU credits", RateLimitedError,
          "Wait until one of your running calls has ended."),
    _Rule("pending credits exceeded", r"", RateLimitedError, "Wait until one of your running calls has ended."),
    _Rule("client error", r"Expired ZeroGPU proxy token", ServerBusyError, "Ask again: the proxy gives a new one."),
    _Rule("client error", r"", ServerBusyError, _AGAIN),
    _Rule("worker error", r"GPU task aborted", ServerFailedError, f"Ask again. {_LOGS}"),
    _Rule("worker error", r"Out ?Of ?Memory", ModelError, "Ask for less: a shorter text, a smaller --max-tokens."),
    _Rule("worker error", r"", ModelError, _LOGS),
    _Rule("", r"queue is full", ServerBusyError, "Try again in a while."),
    _Rule("", r"404: Not Found|session.{0,12}not found", ServerFailedError, f"Ask again. {_LOGS}"),
    _Rule("", r"server stopped", ServerFailedError, f"Ask again. {_LOGS}"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Place:
    """Who failed, when it said so, and which keys it must not be quoted with."""

    url: str
    now: datetime
    secrets: tuple[str, ...] = ()


class Reported(msgspec.Struct):
    """The error event of one of our Spaces. `kind` is the `code` of an error of our tree."""

    kind: str = ""
    message: str = ""
    hint: str = ""
    retryable: bool | None = None
    retry_after: float | None = None


def gradio_error(data: bytes, place: Place) -> UnifiedIntelligenceError:
    """The error that an `error` event of Gradio is: an object with a title, a text, or null where it is kept secret."""
    try:
        said: object = msgspec.json.decode(data)
    except UNREADABLE:
        said = data.decode("utf-8", "replace")
    title = ""
    if isinstance(said, Mapping):
        fields = cast("Mapping[str, object]", said)
        title, said = str(fields.get("title") or ""), fields.get("error")
    text = said if isinstance(said, str) else ""
    return space_error(title, text, place)


def space_error(title: str, text: str, place: Place) -> UnifiedIntelligenceError:
    """The error of a message. One that nobody knows is the model's, told in the Space's own words."""
    title, text = visible(title, 80, place.secrets), visible(text, secrets=place.secrets)
    if title == "Error":  # Gradio's own, where nobody gave one
        title = ""
    if title.startswith(_OURS):
        return reported_error(Reported(title.removeprefix(_OURS), text), place)
    if not text and not title:
        said = f"{place.url} failed and does not say why."
        return ModelError(said, hint=_SILENT)
    rule = next((rule for rule in _RULES if _meant(rule, title, text)), None)
    after = seconds_to_wait(text)
    said = f"{place.url} says: {f'{title}: ' if title else ''}{text}"
    return _built(rule.kind if rule else ModelError, said + _until(after, place.now), rule.hint if rule else _LOGS,
                  after, place)  # fmt: skip


def reported_error(reported: Reported, place: Place) -> UnifiedIntelligenceError:
    """The error that our Space reports, of the class that its code names, retryable as the Space says it is."""
    kind = _KINDS.get(reported.kind, ModelError)
    if reported.retryable is False and kind.retryable:
        kind = ProviderError
    elif reported.retryable and not kind.retryable:
        kind = ServerFailedError
    message = visible(reported.message, secrets=place.secrets) or visible(reported.kind, 80) or "an error without name"
    known = "" if reported.kind in _KINDS else f" ({visible(reported.kind, 80)})"
    hint = visible(reported.hint, secrets=place.secrets) or _LOGS
    after = reported.retry_after if reported.retry_after is not None else seconds_to_wait(message)
    return _built(kind, f"{place.url} reports: {message}{known}{_until(after, place.now)}", hint, after, place)


def seconds_to_wait(text: str) -> float | None:
    """What "Try again in 1:02:03" asks for, with days or in words too; None where nothing is said."""
    if found := _CLOCK.search(text):
        days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
        return float(days * 86400 + hours * 3600 + minutes * 60 + seconds)
    if found := _UNIT.search(text):
        return float(found[1]) * _SECONDS[found[2].lower()]
    return None


def _meant(rule: _Rule, title: str, text: str) -> bool:
    if title and rule.title:
        return rule.title in title.lower() and bool(re.search(rule.text, text, re.IGNORECASE))
    return bool(rule.text) and bool(re.search(rule.text, f"{title} {text}", re.IGNORECASE))


def _until(after: float | None, now: datetime) -> str:
    return "" if after is None else f" That is at {clock_time(after, now)}."


def _built(
    kind: type[UnifiedIntelligenceError], said: str, hint: str, after: float | None, place: Place
) -> UnifiedIntelligenceError:
    if kind is ContextLengthError:
        return ContextLengthError(None, None, said=said, url=place.url)
    if kind is MalformedToolCallError:
        error = MalformedToolCallError("")
        error.message, error.hint = said, hint
        return error
    if kind is InvalidRequestError:
        return InvalidRequestError(said, hint=hint, url=place.url)
    if issubclass(kind, ProviderError):
        return kind(said, hint=hint, url=place.url, retry_after=after)
    return kind(said, hint=hint)


_AT_THE_SPACE: Mapping[str, type[UnifiedIntelligenceError]] = {
    "configuration": ModelError,  # of the Space, which its caller cannot mend
    "unknown_name": InvalidRequestError,
    "missing_dependency": ModelError,
    "connection_failed": ServerFailedError,
    "timed_out": ServerBusyError,
    "out_of_memory": ModelError,
    "tool_failed": ModelError,
}


_KINDS: Mapping[str, type[UnifiedIntelligenceError]] = {
    **_AT_THE_SPACE,
    **{code_of(kind): kind for kind in (
        AnswerInvalidError, AnswerRefusedError, AuthenticationError, ContextLengthError, InvalidRequestError,
        MalformedToolCallError, ModelError, ModelNotFoundError, NotFoundOrPrivateError, ProviderError,
        QuotaExceededError, RateLimitedError, ServerBusyError, ServerFailedError, StreamInterruptedError,
    )},
}  # fmt: skip


def no_such_answer(url: str, why: str) -> ProtocolError:
    """What came is not what such a Space answers."""
    hint = "Is this the address of a Gradio Space that this provider can ask? Look: uic providers check"
    return ProtocolError(f"{url} {why}", hint=hint, url=url, passing=True)
