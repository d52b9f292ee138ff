"""Refusals of servers, each to its error; their words shown clean."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from time import process_time
from typing import Any

import pytest

from unified_intelligence.adapters.wire.failures import (
    error_in_answer,
    hide,
    page_instead_of_answer,
    refusal,
    retry_after,
    visible,
)
from unified_intelligence.entities.errors import (
    AnswerRefusedError,
    AuthenticationError,
    ContextLengthError,
    InvalidRequestError,
    NotFoundOrPrivateError,
    ProviderError,
    QuotaExceededError,
    RateLimitedError,
    ServerBusyError,
    ServerFailedError,
    SpacePausedError,
    SpaceStartingError,
    UnifiedIntelligenceError,
)

NOW = datetime(2030, 1, 1, 12, 0, 0, tzinfo=UTC)
URL = "http://h:1/v1/chat/completions"
WORDS = "Désolé 🙏, c'est non"


def refused(status: int, body: Any = None, **headers: str) -> UnifiedIntelligenceError:
    sent = body if isinstance(body, bytes) else json.dumps(body or {"error": {"message": WORDS}}).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return refusal(status, named, sent, url=URL, now=NOW, secrets=("sk-canary",))


@pytest.mark.parametrize(
    ("status", "kind", "again"),
    [
        (400, InvalidRequestError, False), (401, AuthenticationError, False), (402, QuotaExceededError, False),
        (403, AuthenticationError, False), (404, NotFoundOrPrivateError, False), (405, ProviderError, False),
        (408, ServerBusyError, True), (409, ProviderError, False), (413, InvalidRequestError, False),
        (422, InvalidRequestError, False), (425, ServerBusyError, True), (429, RateLimitedError, True),
        (500, ServerFailedError, True), (501, ProviderError, False), (502, ServerFailedError, True),
        (503, ServerBusyError, True), (504, ServerFailedError, True), (505, ProviderError, False),
        (529, ServerBusyError, True),
    ],
)  # fmt: skip
def test_each_status_has_its_error(status: int, kind: type[Exception], again: bool) -> None:
    error = refused(status)
    assert type(error) is kind
    assert error.retryable is again
    assert WORDS in error.message
    assert str(status) in error.message
    assert URL in error.message
    assert error.hint


def test_who_refused_a_request_is_known() -> None:
    for words in (WORDS, "maximum context length is 2048 tokens"):
        error = refused(400, {"error": {"message": words}})
        assert isinstance(error, InvalidRequestError) and error.url == URL


def test_the_server_may_say_whether_to_try_again() -> None:
    assert refused(409, x_should_retry="true").retryable
    assert refused(409, retry_after="1").retryable
    assert not refused(503, x_should_retry="false").retryable


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after-ms": "700", "retry-after": "9"}, 0.7),
        ({"retry-after": "2"}, 2.0),
        ({"retry-after": " 1.5 "}, 1.5),
        ({"retry-after": "Tue, 01 Jan 2030 12:01:00 GMT"}, 60.0),
        ({"retry-after": "Tue, 01 Jan 2030 11:00:00 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": ""}, None),
        ({}, None),
    ],
)
def test_when_to_try_again(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers, NOW) == seconds


def test_it_says_at_what_time() -> None:
    error = refused(429, retry_after="3600")
    assert isinstance(error, RateLimitedError)
    assert error.retry_after == 3600
    assert "3600 s" in error.message
    assert "13:00:00 UTC" in error.message


@pytest.mark.parametrize(
    ("message", "length", "longest"),
    [
        ("Its maximum context length is 4096 tokens. However, your messages resulted in 5011 tokens.", 5011, 4096),
        ("The prompt has 5,000 too many tokens", None, None),
        ("This model's maximum context length is 2048 tokens. However, you requested 3000 tokens", 3000, 2048),
        ("the request exceeds the available context size", None, None),
    ],
)  # fmt: skip
def test_a_conversation_too_long(message: str, length: int | None, longest: int | None) -> None:
    error = refused(400, {"error": {"message": message}})
    assert isinstance(error, ContextLengthError)
    assert (error.length, error.longest) == (length, longest)
    assert "None" not in error.message


def test_codes_that_say_more_than_the_status() -> None:
    assert isinstance(refused(429, {"error": {"message": "", "code": "insufficient_quota"}}), QuotaExceededError)
    assert isinstance(refused(400, {"error": {"message": "", "code": "context_length_exceeded"}}), ContextLengthError)
    assert isinstance(refused(400, {"error": {"message": "", "code": "content_filter"}}), AnswerRefusedError)


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": WORDS}}, {"error": WORDS}, {"detail": WORDS}, {"message": WORDS},
        {"error": {"msg": WORDS}},
        {"detail": [{"loc": ["body"], "msg": WORDS}]}, WORDS.encode(), f"<html><p>{WORDS}</p></html>".encode(),
        {"object": "error", "message": WORDS, "code": 400}, [WORDS],
    ],
)  # fmt: skip
def test_the_words_of_every_shape_are_shown(body: Any) -> None:
    assert WORDS in refused(500, body).message


@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b"{", b"null", b"{}", b"[" * 100_000])
def test_a_body_that_says_nothing(body: bytes) -> None:
    error = refused(502, body)
    assert "502" in error.message
    assert len(error.message) < 400


def test_a_key_is_hidden_and_a_text_is_cleaned_and_cut() -> None:
    error = refused(401, {"error": {"message": f"Wrong key sk-canary\x1b]52;c\x07 <b>x</b> {'é' * 500}"}})
    assert "sk-canary" not in error.message
    assert "Wrong key [key] ]52;c x éé" in error.message
    assert len(error.message) < 380
    assert hide("a sk-1 sk-1", ["sk-1"]) == "a [key] [key]"


def test_what_a_page_shows() -> None:
    head = "<!doctype html><head><title>502 Bad\nGateway</title><style>p{}</style></head>"
    page = f"{head}<body><script>x<y</script><p>Ça &lt; va"
    assert visible(page) == "502 Bad Gateway: Ça < va"
    assert visible("2 < 3 and a<b> c") == "2 < 3 and a c"
    assert visible("é" * 400) == "é" * 299 + "…"
    assert visible("un<p") == visible("un<") == "un"


def test_pages_of_spaces() -> None:
    building = b"<html><title>Your Space</title>This Space is building, please wait</html>"
    assert isinstance(refused(503, building, retry_after="3"), SpaceStartingError)
    assert isinstance(refused(503, b"<html>This Space is paused by its owner</html>"), SpacePausedError)
    assert isinstance(refused(503, b"<html>nginx: no space left on device</html>"), ServerBusyError)


KEY = "sk-Canary/abcdefghijklmnop+qrstuvwxyz0123456789=Z"


@pytest.mark.parametrize(
    "quoted",
    [
        KEY,
        KEY.replace("/", "\\/"),
        KEY.replace("/", "&#x2F;").replace("+", "&#43;"),
        KEY.replace("/", "&sol;").replace("+", "&plus;"),
        KEY.replace("/", "&amp;#x2f;"),
        KEY.replace("/", "\\u002F").replace("+", "\\u002b"),
        KEY.replace("/", "%2f").replace("+", "%2B"),
    ],
)
def test_no_escape_of_a_key_is_shown(quoted: str) -> None:
    written = f"Désolé 🙏, no {quoted}!"
    bodies = (
        f'{{"error":{{"message":"{written}","code":"{quoted}"}}}}',
        f"<html><body>{written}</body></html>",
        written,
    )
    told = [refusal(401, {}, body.encode(), url=URL, now=NOW, secrets=(KEY,)).message for body in bodies]
    told += [error_in_answer({"message": written}, url=URL, secrets=(KEY,)).message]
    told += [page_instead_of_answer(URL, written, secrets=(KEY,)).message]
    for one in told:
        assert "Désolé 🙏, no [key]!" in one
        assert "Canary" not in one


def test_a_cut_leaves_no_half_of_a_key() -> None:
    for before in range(230, 300):
        shown = error_in_answer({"message": "x" * before + " " + KEY}, url=URL, secrets=(KEY,)).message
        assert "sk-" not in shown
    for before in range(64 * 1024 - len(KEY), 64 * 1024):
        assert "sk-" not in visible("<p>" * (before // 3) + " " * (before % 3) + KEY + "<p>" * 5000, secrets=(KEY,))


@pytest.mark.parametrize(
    "piece", ["<title>", "<title ", "<script ", "<head></head ", "<a", "space ", "&", "\\", "%2", "sk-"]
)
def test_a_servers_words_take_no_time(piece: str) -> None:
    written = piece * (128 * 1024 // len(piece))
    begun = process_time()
    refusal(502, {}, f"<p>{written}".encode()[: 64 * 1024], url=URL, now=NOW, secrets=(KEY,))
    error_in_answer({"message": written}, url=URL, secrets=(KEY,))
    assert process_time() - begun < 3
