"""Faults that a server tells: every status, the ways of saying when to come again, and redirections."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http import HTTPStatus

from tests.faults.answers import ANSWER, completion, error_body, healthy, said
from tests.faults.server import Act, Exchange
from tests.faults.stream_scenarios import BUILDING

STATUSES_TOLD = (400, 401, 402, 403, 404, 405, 408, 409, 413, 422, 425, 429, 500, 501, 502, 503, 504, 505, 529)
GATEWAY_PAGE = (
    "<html>\r\n<head><title>502 Bad Gateway</title><style>h1 {color: red}</style></head>\r\n<body>\r\n"
    "<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>nginx/1.27</center>\r\n</body>\r\n</html>\r\n"
)
TOO_LONG = (
    "This model's maximum context length is 4096 tokens. However, you requested 5012 tokens "
    "(4500 in the messages, 512 in the completion). Please reduce the length of the messages or completion."
)


def told(
    status: int, text: str | None = None, *headers: tuple[str, str], content_type: str = "application/json"
) -> Act:
    """An act that answers with a status and OpenAI's error object, or with the text given."""

    def act(exchange: Exchange) -> None:
        phrase = HTTPStatus(status).phrase if status in set(HTTPStatus) else "Overloaded"
        exchange.whole(status, error_body(f"{phrase}, désolé 🙏") if text is None else text, content_type, headers)

    return act


def come_again(value: str, name: str = "Retry-After", status: int = 429) -> Act:
    return told(status, None, (name, value))


def come_again_at(seconds: float) -> Act:
    """Retry-After as an HTTP date, which knows whole seconds only."""

    def act(exchange: Exchange) -> None:
        at = format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)
        come_again(at)(exchange)

    return act


def elsewhere(status: int) -> Act:
    """A redirection to another port of the same server's host: another origin, where an answer would wait."""

    def act(exchange: Exchange) -> None:
        target = f"http://localhost:{exchange.server.port}/other{exchange.request.path}"
        exchange.whole(status, "", "text/plain", [("Location", target)])

    return act


def quoting(status: int) -> Act:
    """An act that quotes the key it was sent, as some servers do."""

    def act(exchange: Exchange) -> None:
        key = exchange.request.headers.get("authorization", "").removeprefix("Bearer ")
        told(status, error_body(f"Incorrect API key provided: {key}. Find yours in the settings."))(exchange)

    return act


def round_and_round(exchange: Exchange) -> None:
    exchange.whole(307, "", "text/plain", [("Location", exchange.request.path)])


def packed(exchange: Exchange) -> None:
    """Control: an honest gzip body."""
    body = gzip.compress(said(completion(ANSWER)).encode())
    exchange.whole(200, body, "application/json", [("Content-Encoding", "gzip")])


STATUSES: dict[str, tuple[Act, ...]] = {
    **{f"status {status}": (told(status),) for status in STATUSES_TOLD},
    "status 500 twice": (told(500), told(500), healthy),
    "status 503 twice": (told(503), told(503), healthy),
    "status 429 twice": (come_again("0.2"), come_again("0.2"), healthy),
    "status 409 with Retry-After": (come_again("0.1", status=409), healthy),
    "status 409 that should be tried again": (told(409, None, ("x-should-retry", "true")), healthy),
    "status 500 that should not be tried again": (told(500, None, ("x-should-retry", "false")),),
    "context too long": (told(400, error_body(TOO_LONG, "context_length_exceeded", "invalid_request_error")),),
    "quota used up": (told(429, error_body("You exceeded your current quota.", "insufficient_quota")),),
    "status 500 without a body": (told(500, ""),),
    "status 401 that quotes the key": (quoting(401),),
    "status 200 that quotes the key": (quoting(200),),
    "status 401 in HTML": (told(401, "<html><body>Log <b>in</b></body></html>", content_type="text/html"),),
    "Retry-After in seconds": (come_again("1"), healthy),
    "Retry-After in milliseconds": (come_again("700", "Retry-After-Ms"), healthy),
    "Retry-After as a date": (come_again_at(2), healthy),
    "Retry-After of an hour": (come_again("3600"),),
    "Retry-After beyond the deadline": (come_again("30"),),
    "Retry-After that cannot be read": (come_again("soon"), healthy),
    "Retry-After below zero": (come_again("-5"), healthy),
    "Retry-After with 503": (come_again("1", status=503), healthy),
    "HTML 502": (told(502, GATEWAY_PAGE, content_type="text/html"),),
    "HTML 502 once": (told(502, GATEWAY_PAGE, content_type="text/html"), healthy),
    "HTML 503: Space is building": (told(503, BUILDING, content_type="text/html"),),
    "redirection 307 elsewhere": (elsewhere(307), healthy),
    "redirection 302 elsewhere": (elsewhere(302), healthy),
    "redirection in a circle": (round_and_round,),
    "control: gzip": (packed,),
}
