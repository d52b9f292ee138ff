"""Every message of ZeroGPU and of Gradio becomes the error that says what to do; so does every typed error event."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from unified_intelligence.adapters.wire.gradio_failures import (
    Place,
    Reported,
    gradio_error,
    reported_error,
    seconds_to_wait,
)
from unified_intelligence.entities.errors import (
    AuthenticationError,
    ContextLengthError,
    InvalidRequestError,
    MalformedToolCallError,
    ModelError,
    ProviderError,
    QuotaExceededError,
    RateLimitedError,
    ServerBusyError,
    ServerFailedError,
    UnifiedIntelligenceError,
)

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
HERE = Place("https://a-b.hf.space", NOON, ("hf_secret",))
QUOTA = "You have exceeded your {} quota (60s requested vs. 10s left). Try again in {}. Add credits"

MESSAGES: list[tuple[str, str, type[UnifiedIntelligenceError], float | None]] = [
    ("ZeroGPU quota exceeded", QUOTA.format("Pro ZeroGPU", "1:02:03"), QuotaExceededError, 3723.0),
    ("ZeroGPU quota exceeded", QUOTA.format("free ZeroGPU", "23:59:59"), QuotaExceededError, 86399.0),
    ("ZeroGPU quota exceeded", QUOTA.format("ZeroGPU", "1 day, 0:00:01"), QuotaExceededError, 86401.0),
    ("ZeroGPU quota exceeded", "You have exceeded your ZeroGPU runs limit. Wait.", QuotaExceededError, None),
    ("ZeroGPU quota exceeded", "Space app has reached its GPU limit. Try re-running outside of examples",
     AuthenticationError, None),
    ("ZeroGPU quota exceeded", "No GPU was available after 60s. Try re-running outside of examples",
     ServerBusyError, None),
    ("ZeroGPU queue timeout", "No GPU was available after 60s. Retry later", ServerBusyError, None),
    ("ZeroGPU illegal duration", "The requested GPU duration (60s) is larger than the maximum allowed[Subscribe to",
     InvalidRequestError, None),
    ("ZeroGPU pending credits exceeded", "You have too many ZeroGPU credits allocated to running tasks.",
     RateLimitedError, None),
    ("ZeroGPU client error", "No GPU was available", ServerBusyError, None),
    ("ZeroGPU client error", "Expired ZeroGPU proxy token", ServerBusyError, None),
    ("ZeroGPU worker error", "GPU task aborted", ServerFailedError, None),
    ("ZeroGPU worker error", "OutOfMemoryError", ModelError, None),
    ("ZeroGPU worker error", "RuntimeError", ModelError, None),
    ("ZeroGPU something new", "Never seen", ModelError, None),
    ("Error", "A message of the Space's own", ModelError, None),
    ("", "Queue is full! Please try again.", ServerBusyError, None),
]  # fmt: skip


@pytest.mark.parametrize(("title", "text", "kind", "after"), MESSAGES)
def test_a_message_becomes_its_error(
    title: str, text: str, kind: type[UnifiedIntelligenceError], after: float | None
) -> None:
    error = gradio_error(json.dumps({"error": text, "title": title, "duration": 10, "visible": True}).encode(), HERE)
    assert type(error) is kind
    assert text in error.message
    assert error.hint
    if isinstance(error, ProviderError):
        assert error.retry_after == after
        assert error.url == HERE.url


@pytest.mark.parametrize(("title", "text", "kind", "after"), [row for row in MESSAGES if "GPU" in row[1]])
def test_without_its_title_a_message_is_known_by_its_text(
    title: str, text: str, kind: type[UnifiedIntelligenceError], after: float | None
) -> None:
    error = gradio_error(json.dumps({"error": text, "title": "Error"}).encode(), HERE)
    assert type(error) is kind
    assert type(gradio_error(json.dumps(text).encode(), HERE)) is kind


def test_the_moment_to_try_again_is_told() -> None:
    error = gradio_error(json.dumps({"error": MESSAGES[0][1], "title": MESSAGES[0][0]}).encode(), HERE)
    assert "13:02:03 UTC" in error.message
    later = gradio_error(json.dumps({"error": MESSAGES[2][1], "title": MESSAGES[2][0]}).encode(), HERE)
    assert "2026-03-02 12:00 UTC" in later.message


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("Try again in 0:00:07.", 7.0), ("try again in 2 days, 1:00:00", 176400.0), ("Retry in 30s", 30.0),
     ("Try again in 2 minutes", 120.0), ("Retry later", None), ("", None)],
)  # fmt: skip
def test_what_is_asked_to_wait(text: str, seconds: float | None) -> None:
    assert seconds_to_wait(text) == seconds


@pytest.mark.parametrize("data", [b"null", b'{"error": null}', b'{"error": ""}', b'""', b"{}"])
def test_a_failure_that_says_nothing_is_still_one(data: bytes) -> None:
    error = gradio_error(data, HERE)
    assert type(error) is ModelError
    assert "does not say why" in error.message
    assert "show_error" in error.hint


def test_what_is_no_json_is_shown_without_the_token() -> None:
    error = gradio_error(b"<b>Ouch</b> \xe2\x80\xa8hf_secret", HERE)
    assert "Ouch [key]" in error.message


REPORTED: list[tuple[Reported, type[UnifiedIntelligenceError]]] = [
    (Reported("context_length", "Too long"), ContextLengthError),
    (Reported("invalid_request", "No such field"), InvalidRequestError),
    (Reported("malformed_tool_call", "Unreadable call"), MalformedToolCallError),
    (Reported("quota_exceeded", "Nothing left", retry_after=60.0), QuotaExceededError),
    (Reported("server_busy", "Full", retryable=True), ServerBusyError),
    (Reported("server_busy", "Full", retryable=False), ProviderError),
    (Reported("model", "It broke", retryable=False), ModelError),
    (Reported("model", "It broke", retryable=True), ServerFailedError),
    (Reported("configuration", "MODEL_ID is wrong"), ModelError),
    (Reported("of_a_later_version", "?!"), ModelError),
]


@pytest.mark.parametrize(("reported", "kind"), REPORTED)
def test_an_error_of_our_space_is_the_same_here(reported: Reported, kind: type[UnifiedIntelligenceError]) -> None:
    error = reported_error(reported, HERE)
    assert type(error) is kind
    assert reported.message in error.message
    if reported.retryable is not None:
        assert error.retryable is reported.retryable
    if isinstance(error, ProviderError):
        assert error.retry_after == reported.retry_after


def test_the_spaces_own_hint_is_passed_on() -> None:
    assert reported_error(Reported("model", "m", "Do that."), HERE).hint == "Do that."
