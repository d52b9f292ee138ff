"""What a server's refusal means: from a status, its headers and its body to one error of the tree.

A message of the server is shown without tags and control characters, cut short, and never with a key in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import lru_cache
from html import unescape
from typing import Any, cast

import msgspec

from unified_intelligence.entities.errors import (
    AnswerRefusedError,
    AuthenticationError,
    ContextLengthError,
    InvalidRequestError,
    NotFoundOrPrivateError,
    ProtocolError,
    ProviderError,
    QuotaExceededError,
    RateLimitedError,
    ServerBusyError,
    ServerFailedError,
    SpacePausedError,
    SpaceStartingError,
    UnifiedIntelligenceError,
)

LOOK_THERE = "Check that this is the address of such an API, and look into the server's log."
UNREADABLE = (msgspec.MsgspecError, ValueError, RecursionError)  # raised for bytes that are no JSON of a form
LONGEST_MESSAGE = 300
LONGEST_EXCERPT = 200
LONGEST_PAGE = 64 * 1024  # bytes of a page that are read to say what it is
_LONGEST_READ = 64 * 1024  # characters of a server's words that are looked at

_UNSEEN = re.compile(r"<(script|style|head)\b.*?(</\1\s*>|$)", re.DOTALL | re.IGNORECASE)
_TITLE = re.compile(r"<title[^<>]*>([^<]*)", re.IGNORECASE)  # a search to </title from each opening is quadratic
_TAG = re.compile(r"<[!/]?([a-zA-Z-][^<>]*(>|$)|$)")
_LONGEST_ESCAPE = 10  # characters that one of a key may be written as
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069]+")
_SPACE_PAGE = re.compile(r"\bspace\b.{0,200}\b(build|start|restart|sleep|wak|prepar|paus)", re.DOTALL | re.IGNORECASE)
_PAUSED = re.compile(r"\bspace\b.{0,80}\bpaused\b", re.DOTALL | re.IGNORECASE)
_CONTEXT = re.compile(
    r"context[_ ](length|window|size)|maximum (input|model) length|max_model_len|too many tokens|prompt is too long",
    re.IGNORECASE,
)
_LONGEST = re.compile(r"(?:maximum|at most|max_model_len)\D{0,60}?(\d{2,9})", re.IGNORECASE)
_LENGTH = re.compile(
    r"(?:requested|resulted in|has|contains|got|prompt)\D{0,30}?(\d{2,9})(?= *(?:input |prompt )?tokens)",
    re.IGNORECASE,
)
_QUOTA = frozenset({"insufficient_quota", "billing_hard_limit_reached", "quota_exceeded"})
_FILTER = frozenset({"content_filter", "content_policy_violation", "content_filtered"})


def visible(text: str, longest: int = LONGEST_MESSAGE, secrets: Iterable[str] = ()) -> str:
    """What a person would see of a text or a page, on one line, without the keys. Takes time in proportion."""
    secrets = tuple(secrets)
    text = _beginning(text, secrets)
    title = _TITLE.search(text)
    shown = f"{title.group(1)}: {_UNSEEN.sub(' ', text)}" if title else _UNSEEN.sub(" ", text)
    shown = hide(unescape(_TAG.sub(" ", shown)), secrets)
    shown = " ".join(_CONTROL.sub(" ", shown).split()).strip(": ")
    return shown if len(shown) <= longest else f"{shown[: longest - 1]}…"


def hide(text: str, secrets: Iterable[str]) -> str:
    """The text without the keys, also where a server quotes the one it was sent: as it is, or escaped."""
    for secret in secrets:
        text = _spellings(secret).sub("[key]", text)
    return text


@lru_cache(8)
def _spellings(secret: str) -> re.Pattern[str]:
    """A key as it is, and in the escapes of JSON, HTML and addresses."""
    written = (
        rf"(?:\\?{re.escape(one)}|\\u00(?i:{ord(one):02x})|&#0{{0,4}}{ord(one)};|&#[xX]0{{0,4}}(?i:{ord(one):x});"
        rf"|%(?i:{ord(one):02x}))"
        for one in secret
    )
    return re.compile("".join(written))


def _beginning(text: str, secrets: tuple[str, ...]) -> str:
    """The part of a text that is looked at, without the keys; a key that the cut would halve is left out whole."""
    if len(text) <= _LONGEST_READ:
        return hide(text, secrets)
    return hide(text[:_LONGEST_READ], secrets)[: -_LONGEST_ESCAPE * max(map(len, secrets), default=1)]


def is_html(body: bytes) -> bool:
    return body.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<"


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds the server asks to be left alone, from milliseconds, seconds or a date; None where it says nothing."""
    try:
        if milliseconds := headers.get("retry-after-ms"):
            return _seconds(float(milliseconds) / 1000)
        if (said := headers.get("retry-after", "").strip()) and said[0].isalpha():
            date = parsedate_to_datetime(said)
            return max(0.0, ((date if date.tzinfo else date.replace(tzinfo=UTC)) - now).total_seconds())
        return _seconds(float(said)) if said else None
    except (ValueError, OverflowError):
        return None


def clock_time(after: float, now: datetime) -> str:
    """When so many seconds will be over, with the day where that is not this one's."""
    return (now + timedelta(seconds=after)).strftime("%H:%M:%S UTC" if after < 86400 else "%Y-%m-%d %H:%M UTC")


def _seconds(value: float) -> float | None:
    return value if 0 <= value < 1e9 else None


def page_instead_of_answer(
    url: str, page: str, *, status: int = 200, after: float | None = None, secrets: Iterable[str] = ()
) -> ProviderError:
    """HTML came where an answer was due: a Space that is not up yet says so, anything else is a misunderstanding."""
    shown = visible(page, LONGEST_EXCERPT, secrets)
    said = f"{url} answered with a page: {shown}"
    if _PAUSED.search(page):
        return SpacePausedError(said, hint="Ask its owner to restart it.", url=url, status=status)
    if _SPACE_PAGE.search(page):
        hint = "Wait, or let it be waited for: -o space OWNER/NAME"
        return SpaceStartingError(said, hint=hint, url=url, status=status, retry_after=after)
    hint = "Is this the address of an API? It often ends in /v1."
    return ProtocolError(said, hint=hint, url=url, status=status, passing=True)


def refuse_page(url: str, body: bytes, secrets: Iterable[str] = ()) -> None:
    """Raises the error of a page, where `body` is one and not the JSON that was due."""
    if is_html(body):
        raise page_instead_of_answer(url, body.decode("utf-8", "replace"), secrets=secrets)


def refusal(
    status: int, headers: Mapping[str, str], body: bytes, *, url: str, now: datetime, secrets: Iterable[str] = ()
) -> UnifiedIntelligenceError:
    """The error of an answer whose status is 400 or more."""
    text, secrets = body.decode("utf-8", "replace"), tuple(secrets)
    after = retry_after(headers, now)
    if is_html(body) and (_SPACE_PAGE.search(text) or _PAUSED.search(text)):
        return page_instead_of_answer(url, text, status=status, after=after, secrets=secrets)
    message, code = _read(text, secrets)
    said = f"{url} answered {status}" + (f": {message}" if message else ".")
    if after is not None:
        said = f"{said.rstrip('.')}. It asks to try again in {after:g} s, at {clock_time(after, now)}."
    return _typed(_Refusal(url, status, message, code, after, headers.get("x-should-retry", "").lower()), said)


def error_in_answer(error: object, *, url: str, secrets: Iterable[str] = ()) -> UnifiedIntelligenceError:
    """The error of an object that came where an answer was due, in a 200 or in the midst of a stream."""
    message, code, number = _fields(error, tuple(secrets))
    said = f"{url} reports an error: {message or code or 'it does not say which.'}"
    meant = number if 400 <= number < 600 else _STATUS_OF.get(code, 500)
    return _typed(_Refusal(url, meant, message, code), said)


_STATUS_OF: Mapping[str, int] = {
    "invalid_request_error": 400,
    "BadRequestError": 400,
    "authentication_error": 401,
    "invalid_api_key": 401,
    "permission_error": 403,
    "not_found_error": 404,
    "model_not_found": 404,
    "NotFoundError": 404,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "overloaded_error": 529,
}


@dataclass(frozen=True, slots=True)
class _Refusal:
    """What was refused with: `again` is what the server says about trying again, where it does."""

    url: str
    status: int
    message: str
    code: str = ""
    after: float | None = None
    again: str = ""


def _typed(refused: _Refusal, said: str) -> UnifiedIntelligenceError:
    status, code, after, url = refused.status, refused.code, refused.after, refused.url
    if code in _FILTER or "content_filter" in code:
        return AnswerRefusedError(said, hint="Say it in other words.")
    if status in {400, 413, 422}:
        return _not_as_it_is(refused, said)
    if status == 402 or code in _QUOTA:
        hint = "Look at the account's plan and billing."
        return QuotaExceededError(said, hint=hint, url=url, status=status, retry_after=after)
    kind, hint = _CLASSES.get(status, (ProviderError, "Look into the server's log."))
    retries = refused.again != "false" and (status != 409 or refused.again == "true" or after is not None)
    if kind.retryable and not retries:
        kind = ProviderError
    return kind(said, hint=hint, url=url, status=status, retry_after=after)


_BUSY, _FAILED = (ServerBusyError, "Try again in a while."), (ServerFailedError, "Look into the server's log.")
_CLASSES: Mapping[int, tuple[type[ProviderError], str]] = {
    401: (AuthenticationError, "Give the right key, as in --key env:NAME."),
    403: (AuthenticationError, "Give a key that may do this, as in --key env:NAME."),
    404: (NotFoundOrPrivateError, "Check the model's name and the base URL, which often ends in /v1."),
    408: _BUSY,
    409: _BUSY,
    425: _BUSY,
    429: (RateLimitedError, "Ask less often, or later."),
    500: _FAILED,
    502: _FAILED,
    503: _BUSY,
    504: _FAILED,
    529: _BUSY,
}


def _not_as_it_is(refused: _Refusal, said: str) -> UnifiedIntelligenceError:
    if refused.code == "context_length_exceeded" or _CONTEXT.search(refused.message):
        longest, length = _LONGEST.search(refused.message), _LENGTH.search(refused.message)
        return ContextLengthError(
            int(length.group(1)) if length else None,
            int(longest.group(1)) if longest else None,
            said=said,
            url=refused.url,
        )
    hint = (
        "Shorten what is sent." if refused.status == 413 else "Change what is asked for: the server does not accept it."
    )
    return InvalidRequestError(said, hint=hint, url=refused.url)


def _read(text: str, secrets: tuple[str, ...]) -> tuple[str, str]:
    """The message and the code of an error's body: OpenAI's shape, FastAPI's, or a text."""
    try:
        body: Any = msgspec.json.decode(text.removeprefix("\ufeff"))
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return visible(text, secrets=secrets), ""
    if isinstance(body, dict):
        fields = cast("dict[str, object]", body)
        body = fields.get("error") or fields.get("detail") or fields
    message, code, _ = _fields(body, secrets)
    return message, code


def _fields(error: object, secrets: tuple[str, ...]) -> tuple[str, str, int]:
    """The message, the code in words and the code as a number."""
    if not isinstance(error, dict):
        said = error if isinstance(error, str) else msgspec.json.encode(error).decode() if error else ""
        return visible(said, secrets=secrets), "", 0
    fields = cast("dict[str, object]", error)
    if isinstance(fields.get("error"), dict | str):
        return _fields(fields["error"], secrets)
    message = fields.get("message") or fields.get("detail") or fields.get("msg")
    shown = visible(message if isinstance(message, str) else msgspec.json.encode(error).decode(), secrets=secrets)
    words = [value for key in ("code", "type") if isinstance(value := fields.get(key), str) and value]
    names = [visible(value, secrets=secrets) for value in words]
    name = next((name for name in names if name in _STATUS_OF or name in _QUOTA or name in _FILTER), "")
    number = fields.get("code") or fields.get("status")
    digits = int(number) if isinstance(number, int) or (isinstance(number, str) and number.isdigit()) else 0
    return shown, name or (names[0] if names else ""), digits
