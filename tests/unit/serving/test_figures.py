"""What is measured, counted and written, without a server."""

from __future__ import annotations

import logging
from contextlib import nullcontext
from io import StringIO
from time import perf_counter
from typing import Any

import pytest

from unified_intelligence.adapters.llm.echo_adapter import EchoAdapter
from unified_intelligence.entities.errors import ConfigurationError, ConnectionFailedError, MalformedToolCallError
from unified_intelligence.entities.generation import Finished, Notice, TextDelta, Usage
from unified_intelligence.serving.admission import Admission, Limits
from unified_intelligence.serving.authentication import Keys
from unified_intelligence.serving.metrics import UNMATCHED, Metrics, Requested
from unified_intelligence.serving.observation import Watch
from unified_intelligence.serving.recent import Answered, Recent, percentiles
from unified_intelligence.serving.request_log import FailureHandler, Log, client_id
from unified_intelligence.serving.service import Caller, Service


def test_only_pieces_of_the_answer_are_timed() -> None:
    gaps: list[float] = []
    caller = Caller("r")
    with Watch(caller, gaps.append) as watch:
        watch.started()
        for event in (Notice("wacht auf"), TextDelta("a"), Notice("n"), TextDelta("é"), Finished("stop", Usage(7, 5))):
            watch.saw(event)
    figures = caller.figures
    assert len(gaps) == 1 and gaps[0] > 0
    assert (figures.prompt_tokens, figures.completion_tokens, figures.finish_reason, figures.error) == (
        7,
        5,
        "stop",
        "",
    )
    assert figures.queued is not None and figures.first_token is not None and figures.queued <= figures.first_token


def test_figures_add_up_over_the_answers_of_a_request() -> None:
    caller = Caller("r")
    for again, finish in ((False, Finished("stop", Usage(4, 2))), (False, Finished("stop", Usage(3, 3))),
                          (True, Finished("stop", Usage(3, 1))), (False, Finished("length"))):  # fmt: skip
        with Watch(caller) as watch:
            watch.again = again
            watch.saw(TextDelta("wört"))
            watch.saw(finish)
    figures = caller.figures
    assert (figures.answers, figures.prompt_tokens, figures.completion_tokens) == (4, 7, 7)


@pytest.mark.parametrize(
    ("error", "reason", "code"),
    [
        (ConnectionFailedError("no"), "error", "connection_failed"),
        (KeyError("x"), "error", "internal_error"),
        (GeneratorExit(), "abort", ""),
        (None, "error", "stream_interrupted"),
    ],
)
def test_how_an_answer_without_an_end_is_told(error: BaseException | None, reason: str, code: str) -> None:
    caller = Caller("r")
    with pytest.raises(type(error)) if error else nullcontext(), Watch(caller):
        if error is not None:
            raise error
    assert (caller.figures.finish_reason, caller.figures.error) == (reason, code)


def test_percentiles_are_values_that_occurred() -> None:
    assert percentiles([float(one) for one in range(100, 0, -1)]) == {"p50": 50.0, "p90": 90.0, "p99": 99.0}
    assert percentiles([3.0]) == {"p50": 3.0, "p90": 3.0, "p99": 3.0}
    assert percentiles([]) == {"p50": None, "p90": None, "p99": None}


def test_rates_forget_what_is_long_ago() -> None:
    now = perf_counter()
    recent = Recent(now - 1000)
    for ago in (500, 50, 10):
        recent.answered(Answered(now - ago, 0.1, 1.0, 10, 30))
    figures: Any = recent.figures()
    assert figures["requests"]["per_second"] == pytest.approx(2 / 60)
    assert figures["tokens"]["completion_per_second"] == pytest.approx(1.0)
    assert figures["requests"]["finished"] == 3


@pytest.mark.parametrize(
    ("request_", "outcome"),
    [
        (Requested("r", "/v1/chat/completions", 200), "answered"),
        (Requested("r", "/v1/chat/completions", 200, "stream_interrupted"), "failed"),
        (Requested("r", "/v1/chat/completions", 502, "connection_failed"), "failed"),
        (Requested("r", "/v1/models/{model:path}", 404, "model_not_found"), "refused"),
        (Requested("r", UNMATCHED, 401, "invalid_api_key"), "refused"),
        (Requested("r", "/v1/chat/completions", 200, left=True), "left"),
        (Requested("r", "/v1/chat/completions", 499, "http_499", left=True), "left"),
        (Requested("r", "/ready", 503, "loading"), None),
        (Requested("r", "/status.json", 200), None),
        (Requested("r", UNMATCHED, 200), None),
    ],
)
def test_requests_to_the_api_are_counted_by_how_they_ended(request_: Requested, outcome: str | None) -> None:
    metrics = Metrics(Service(EchoAdapter(), "le-modèle", Admission(Limits())))
    metrics.requested(request_)
    figures: Any = metrics.recent.figures()
    counted = {name for name, many in figures["requests"]["outcomes"].items() if many}
    assert counted == ({outcome} if outcome else set())
    assert bool(figures["errors"]) is (bool(request_.error) and not request_.left)


@pytest.mark.parametrize("key", ["", "mit leerzeichen", "schlüssel", "a\nb", "\x1b"])
def test_a_key_no_header_can_carry_is_refused_without_being_told(key: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        Keys(("gut", key))
    assert not key or key not in str(refused.value)


def test_a_key_opens_and_nothing_else_does() -> None:
    keys = Keys(("eins", "zwei"))
    assert keys.fingerprint(b"eins") != keys.fingerprint(b"zwei")
    assert [keys.fingerprint(wrong) for wrong in (b"", b"ein", b"einsx", b"EINS", b"\xff")] == [""] * 5


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (b"a-b_c.d:1", "a-b_c.d:1"),
        (b'x\r\n{"a":1}\x1b[0m', "xa:10m"),
        (b"\xc3\xa9" * 9, ""),
        (b"y" * 128, "y" * 128),
        (b"y" * 129, ""),
    ],
)
def test_what_is_kept_of_a_clients_own_id(sent: bytes, kept: str) -> None:
    assert client_id({"headers": [(b"x-request-id", sent)]}) == kept


@pytest.mark.parametrize(
    ("error", "contents", "told"),
    [
        (ConnectionFailedError("nobody listens"), False, True),
        (ValueError("nobody listens"), False, False),
        (ValueError("nobody listens"), True, True),
        (MalformedToolCallError("nobody listens"), False, False),
    ],
)
def test_the_sentence_of_an_error_is_written_only_if_it_is_ours(error: Exception, contents: bool, told: bool) -> None:
    lines = StringIO()
    logger = logging.getLogger("test")
    logger.addHandler(FailureHandler(Log(contents=contents, stream=lines)))
    logger.error("%s: %s: %s", "req_1", type(error).__name__, error, exc_info=error)
    assert ("nobody listens" in lines.getvalue()) is told
    assert type(error).__name__ in lines.getvalue() and '"req_1"' in lines.getvalue()
