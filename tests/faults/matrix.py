"""What a client must do in each scenario: the specification of the adapter for bad days, as one table.

A row gives the errors that are right, or none where the answer is whole; the text that must have come, in an answer or
before an error; how many requests the server may see; and what the words must say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.faults.answers import ANSWER, PARTIAL
from tests.faults.scenarios import DEAF_TLS, REFUSED, TLS
from tests.faults.space_scenarios import RUNTIME_ERROR
from tests.faults.status_scenarios import STATUSES_TOLD
from tests.faults.stream_scenarios import CLIPBOARD
from unified_intelligence.entities.errors import (
    AnswerRefusedError,
    AuthenticationError,
    ConnectionFailedError,
    ContextLengthError,
    InvalidRequestError,
    MalformedToolCallError,
    NotFoundOrPrivateError,
    ProtocolError,
    ProviderError,
    QuotaExceededError,
    RateLimitedError,
    ServerBusyError,
    ServerFailedError,
    SpaceBrokenError,
    SpacePausedError,
    SpaceStartingError,
    StreamInterruptedError,
    TimedOutError,
    TlsError,
    UnifiedIntelligenceError,
)

Errors = tuple[type[UnifiedIntelligenceError], ...]

OPTIONS: Mapping[str, Any] = {
    "model": "m",
    "timeout": 20.0,
    "connect_timeout": 1.5,
    "first_token_timeout": 8.0,
    "idle_timeout": 8.0,
    "retries": 2,
}
IMPATIENT: Mapping[str, Any] = {"timeout": 8.0, "first_token_timeout": 1.0, "idle_timeout": 1.0}
THOUGHT = "Hmm… réfléchissons 🤔"


@dataclass(frozen=True)
class Expected:
    """`requests` are the least and the most; `pause` is the shortest wait before another try, in seconds.

    `says` must be in the sentence or its hint, `never` in none of them; `within` is the longest a call may take, the
    total timeout where it is not given. With `repeats` the text came any number of times, but once.
    """

    errors: Errors = ()
    text: str = ANSWER
    requests: tuple[int, int] = (1, 1)
    timer: str = ""
    says: tuple[str, ...] = ()
    never: tuple[str, ...] = ("<", "\x1b")
    pause: float = 0.0
    within: float = 0.0
    reasoning: str = ""
    finish: str = "stop"
    arguments: str | None = None
    connections: int | None = None
    repeats: bool = False
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def limit(self) -> float:
        return self.within or {**OPTIONS, **self.options}["timeout"]


def fails(*errors: type[UnifiedIntelligenceError], requests: int | tuple[int, int] = 1, **more: Any) -> Expected:
    """An error before the first word."""
    counted = requests if isinstance(requests, tuple) else (requests, requests)
    return Expected(errors=errors, text="", requests=counted, **more)


def breaks(*errors: type[UnifiedIntelligenceError], **more: Any) -> Expected:
    """An error after PARTIAL: it is kept, and nothing is asked again."""
    return Expected(errors=errors or (StreamInterruptedError,), text=more.pop("text", PARTIAL), **more)


def answers(requests: int = 1, **more: Any) -> Expected:
    return Expected(requests=(requests, requests), **more)


_TRIES = 3

_TRANSPORT: dict[str, Expected] = {
    REFUSED: fails(ConnectionFailedError, requests=0, says=("127.0.0.1",)),
    TLS: fails(TlsError, requests=0, connections=1, within=5.0, says=("http:",)),
    DEAF_TLS: fails(TlsError, requests=0, connections=1, within=5.0, says=("http:",)),
    "reset before headers": fails(ConnectionFailedError, requests=_TRIES),
    "reset before headers twice": answers(3),
    "closed before headers": fails(ConnectionFailedError, requests=_TRIES),
    "half a head": fails(ConnectionFailedError, requests=_TRIES),
    "not HTTP": fails(ProtocolError, ConnectionFailedError, requests=(1, _TRIES)),
    "reset mid-stream": breaks(),
    "closed mid-stream": breaks(),
    "broken chunk size": breaks(),
    "slow first byte": fails(TimedOutError, requests=_TRIES, timer="first token", options=IMPATIENT),
    "slow first byte once": answers(2, options={"first_token_timeout": 3.0}),
    "headers then silence": fails(TimedOutError, requests=_TRIES, timer="first token", options=IMPATIENT),
    "stalled stream": breaks(TimedOutError, StreamInterruptedError, timer="idle", options=IMPATIENT),
    "comments forever": fails(TimedOutError, requests=_TRIES, timer="first token", options=IMPATIENT),
    "comments after the first words": breaks(TimedOutError, StreamInterruptedError, timer="idle", options=IMPATIENT),
    "trickle forever": breaks(
        TimedOutError, StreamInterruptedError, text="é", repeats=True, timer="total", options={"timeout": 2.0}
    ),
    "shorter than promised": fails(ConnectionFailedError, requests=_TRIES),
    "shorter than promised once": answers(2),
    "shorter stream than promised": breaks(),
    "header of 100 KB": fails(ProtocolError, ConnectionFailedError, requests=(1, _TRIES)),
    "endless headers": fails(ProtocolError, ConnectionFailedError, requests=(1, _TRIES)),
    "line of 64 MiB": fails(ProtocolError, requests=(1, 2)),
    "line of 64 MiB mid-answer": breaks(),
    "endless event": fails(ProtocolError, requests=(1, 2)),
    "JSON of 100 MB": fails(ProtocolError, requests=(1, 2)),
    "error page of 100 MB": fails(InvalidRequestError, never=()),
    "gzip bomb": fails(ProtocolError, requests=(1, 2)),
    "gzip bomb in a stream": fails(ProtocolError, requests=(1, 2)),
    "unknown coding": fails(ProtocolError, requests=(1, 2)),
    "damaged gzip": fails(ProtocolError, ConnectionFailedError, requests=(1, _TRIES)),
    "control: gzip in members": answers(),
    "control: informational first": answers(),
    "control: closing after the answer": answers(),
}

_REFUSALS: Mapping[int, Errors] = {
    400: (InvalidRequestError,),
    401: (AuthenticationError,),
    402: (QuotaExceededError,),
    403: (AuthenticationError,),
    404: (NotFoundOrPrivateError,),
    405: (ProviderError,),
    409: (ProviderError,),
    413: (InvalidRequestError,),
    422: (InvalidRequestError,),
    501: (ProviderError,),
    505: (ProviderError,),
}
_PASSING: Mapping[int, Errors] = {
    408: (ServerBusyError,),
    425: (ServerBusyError,),
    429: (RateLimitedError,),
    500: (ServerFailedError,),
    502: (ServerFailedError, ServerBusyError),
    503: (ServerBusyError,),
    504: (ServerFailedError, ServerBusyError),
    529: (ServerBusyError,),
}
assert {*_REFUSALS, *_PASSING} == {*STATUSES_TOLD}

_STATUSES: dict[str, Expected] = {
    **{f"status {s}": fails(*errors, says=(str(s), "désolé 🙏")) for s, errors in _REFUSALS.items()},
    **{f"status {s}": fails(*errors, requests=_TRIES, says=(str(s), "désolé 🙏")) for s, errors in _PASSING.items()},
    "status 500 twice": answers(3),
    "status 503 twice": answers(3),
    "status 429 twice": answers(3, pause=0.2),
    "status 409 with Retry-After": answers(2, pause=0.1),
    "status 409 that should be tried again": answers(2),
    "status 500 that should not be tried again": fails(ProviderError, says=("500",)),
    "context too long": fails(ContextLengthError, says=("4096",)),
    "quota used up": fails(QuotaExceededError, says=("quota",)),
    "status 500 without a body": fails(ServerFailedError, requests=_TRIES, says=("500",)),
    "status 401 that quotes the key": fails(AuthenticationError, says=("Incorrect API key",)),
    "status 200 that quotes the key": fails(ProviderError, requests=(1, _TRIES), says=("Incorrect API key",)),
    "status 401 in HTML": fails(AuthenticationError, says=("Log in",)),
    "Retry-After in seconds": answers(2, pause=1.0),
    "Retry-After in milliseconds": answers(2, pause=0.7),
    "Retry-After as a date": answers(2, pause=0.9),
    "Retry-After of an hour": fails(RateLimitedError, says=("3600",), within=2.0),
    "Retry-After beyond the deadline": fails(RateLimitedError, says=("30",), within=2.0),
    "Retry-After that cannot be read": answers(2),
    "Retry-After below zero": answers(2),
    "Retry-After with 503": answers(2, pause=1.0),
    "HTML 502": fails(ServerFailedError, ServerBusyError, requests=_TRIES, says=("502", "nginx")),
    "HTML 502 once": answers(2),
    "HTML 503: Space is building": fails(SpaceStartingError, ServerBusyError, requests=(1, _TRIES), says=("building",)),
    "redirection 307 elsewhere": fails(ProviderError, says=("localhost",)),
    "redirection 302 elsewhere": fails(ProviderError, says=("localhost",)),
    "redirection in a circle": fails(ProviderError),
    "control: gzip": answers(),
}

_ONCE_MORE = (1, 2)  # a document that cannot be understood may be asked for once more

_STREAMS: dict[str, Expected] = {
    "malformed chunk first": fails(ProtocolError, requests=_ONCE_MORE),
    "malformed chunk mid-answer": breaks(ProtocolError, StreamInterruptedError),
    "chunk that is no object": breaks(ProtocolError, StreamInterruptedError),
    "chunk with a number for text": breaks(ProtocolError, StreamInterruptedError),
    "invalid UTF-8 mid-answer": breaks(ProtocolError, StreamInterruptedError),
    "invalid JSON": fails(ProtocolError, requests=2),
    "invalid JSON once": answers(2),
    "empty body": fails(ProtocolError, requests=2),
    "empty body of a stream": fails(ProtocolError, StreamInterruptedError, ConnectionFailedError, requests=(1, _TRIES)),
    "JSON null": fails(ProtocolError, requests=_ONCE_MORE),
    "deeply nested JSON": fails(ProtocolError, requests=_ONCE_MORE),
    "HTML: Space is building": fails(SpaceStartingError, requests=(1, _TRIES), says=("Space is building", "état")),
    "HTML: proxy page": fails(ProtocolError, requests=_ONCE_MORE, says=("Corporate gateway", "Sign in first.")),
    "HTML called JSON": fails(ProtocolError, requests=_ONCE_MORE, says=("Corporate gateway",)),
    "HTML called an event stream": fails(ProtocolError, requests=_ONCE_MORE, says=("Corporate gateway",)),
    "error object in a 200": fails(ProviderError, requests=(1, _TRIES), says=("The engine is dead.",)),
    "error object in a stream": fails(ProviderError, requests=(1, _TRIES), says=("The engine is dead.",)),
    "error text in a 200": fails(ProviderError, requests=(1, _TRIES), says=("Model not loaded",)),
    "detail object in a 200": fails(ProviderError, requests=(1, _TRIES)),
    "no choices": fails(ProtocolError, requests=_ONCE_MORE),
    "no choices in a stream": fails(ProtocolError, requests=_ONCE_MORE),
    "choices null": fails(ProtocolError, requests=_ONCE_MORE),
    "nothing but [DONE]": fails(ProtocolError, requests=_ONCE_MORE),
    "error event mid-answer": breaks(ProviderError, StreamInterruptedError, says=("CUDA out of memory",)),
    "named error event mid-answer": breaks(ProviderError, StreamInterruptedError, says=("CUDA out of memory",)),
    "error event that quotes the key": breaks(ProviderError, StreamInterruptedError, says=("No more for",)),
    "truncated, properly closed": breaks(),
    "truncated inside an event": breaks(ProtocolError, StreamInterruptedError),
    "truncated before the first word": fails(
        StreamInterruptedError, ProtocolError, ConnectionFailedError, requests=(1, _TRIES)
    ),
    "ended with the reason error": breaks(),
    "ended with the reason abort": breaks(),
    "content filter": fails(AnswerRefusedError),
    "UTF-8 byte by byte": answers(),
    "BOM and CRLF": answers(),
    "BOM cut over chunks": answers(),
    "CR line ends": answers(),
    "CRLF cut over chunks": answers(),
    "data without a space": answers(),
    "other fields and comments": answers(),
    "ghost after [DONE]": answers(),
    "no [DONE]": answers(),
    "no finish_reason": answers(),
    "no empty line at the end": answers(),
    "tag cut over chunks": answers(reasoning=THOUGHT),
    "reasoning_content": answers(reasoning=THOUGHT),
    "reasoning": answers(reasoning=THOUGHT),
    "escapes in the answer": answers(text=CLIPBOARD),
    "broken tool arguments": fails(MalformedToolCallError),
    "document for a stream": answers(),
    "control: healthy": answers(),
    "control: slow but steady": answers(options={"idle_timeout": 1.6}),
    "control: one packet": answers(),
    "control: cut at its limit": answers(text=PARTIAL, finish="length"),
    "control: cut at its limit, called max_tokens": answers(text=PARTIAL, finish="length"),
    "control: ended with end_turn": answers(),
}

_BRIEF = {"wait": 1.5, "timeout": 8.0}
_SHORT = 5.0

_SPACES: dict[str, Expected] = {
    "Space sleeping, then running": Expected(requests=(1, 3), options={"wait": 20.0, "timeout": 30.0}),
    "Space building, then running": Expected(requests=(1, 3), options={"wait": 20.0, "timeout": 30.0}),
    "Space building for ever": fails(SpaceStartingError, requests=(0, _TRIES), options=_BRIEF, says=("BUILDING",)),
    "Space that starts for ever": fails(SpaceStartingError, requests=(0, _TRIES), options=_BRIEF),
    "Space that builds and breaks": fails(
        SpaceBrokenError, requests=(0, 2), options={"wait": 20.0, "timeout": 30.0}, says=("BUILD_ERROR",)
    ),
    "Space paused": fails(SpacePausedError, requests=(0, 1), within=_SHORT),
    "Space stopped": fails(SpacePausedError, requests=(0, 1), within=_SHORT),
    "Space with RUNTIME_ERROR": fails(
        SpaceBrokenError, requests=(0, 1), within=_SHORT, says=("RUNTIME_ERROR", RUNTIME_ERROR)
    ),
    "Space with BUILD_ERROR": fails(SpaceBrokenError, requests=(0, 1), within=_SHORT, says=("BUILD_ERROR",)),
    "Space with CONFIG_ERROR": fails(SpaceBrokenError, requests=(0, 1), within=_SHORT, says=("CONFIG_ERROR",)),
    "Space with NO_APP_FILE": fails(SpaceBrokenError, requests=(0, 1), within=_SHORT, says=("NO_APP_FILE",)),
    "Space in a stage nobody knows": fails(ProviderError, requests=(0, _TRIES), options=_BRIEF),
    "Space that is not there": fails(NotFoundOrPrivateError, requests=(0, 1), within=_SHORT),
    "control: Space running": answers(),
}

MATRIX: Mapping[str, Expected] = {**_TRANSPORT, **_STATUSES, **_STREAMS, **_SPACES}
FAULTS = tuple(name for name in MATRIX if not name.startswith("control:"))
