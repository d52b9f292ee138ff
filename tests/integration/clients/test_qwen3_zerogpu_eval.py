"""The provider of the evaluation Space: samples one by one or many a call, each told once, and no failure an answer."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import pytest

from tests.faults.server import Act, FaultServer, closed_port
from tests.gradio_faults import INFO, Page, misbehaving, page, streams, typed
from tests.integration.clients.test_qwen3_zerogpu_adapter import awake_after, hub
from unified_intelligence.adapters.llm.qwen3_zerogpu_adapter import Qwen3ZeroGPUAdapter
from unified_intelligence.entities.errors import (
    AuthenticationError,
    ConnectionFailedError,
    InvalidRequestError,
    MalformedToolCallError,
    ModelError,
    NotFoundOrPrivateError,
    ProtocolError,
    ProviderError,
    QuotaExceededError,
    ServerBusyError,
    SpaceStartingError,
    StreamInterruptedError,
    TimedOutError,
    UnifiedIntelligenceError,
)
from unified_intelligence.entities.generation import Generation, GenerationConfig, Notice, TextDelta, Timings, Usage
from unified_intelligence.entities.message import Message
from unified_intelligence.entities.sample import Sample, SampleAnswer

TEXT = "Ça va ?\n\n Prix :  12,50 € — 🙂\u2028fin"
EVAL = {"named_endpoints": {"/eval_chunk": {"parameters": [{"parameter_name": n} for n in ("run_spec", "samples")]}}}
SAMPLE = {
    "sample_id": "1", "text": TEXT, "reasoning": "Hmm", "finish_reason": "length", "error": None,
    "usage": {"prompt_tokens": 3, "completion_tokens": 2}, "ttft_s": 0.5, "latency_s": 2.0, "queue_s": 0.25,
    "tool_calls": [{"id": "c", "name": "f", "arguments": "{}"}],
}  # fmt: skip
QUOTA = {"error": "You have exceeded your free ZeroGPU quota (60s requested vs. 0s left). Try again in 1:02:03.",
         "title": "ZeroGPU quota exceeded"}  # fmt: skip
REFUSED = f"event: error\ndata: {json.dumps(QUOTA)}\n\n"


def posted(server: FaultServer) -> list[Any]:
    return [request.json for request in server.others if request.method == "POST"]


def evaluation(*acts: Act, **pages: Page) -> FaultServer:
    """An evaluation Space that misbehaves."""
    call = pages.pop("call", page({"event_id": "e1"}))
    server = misbehaving(*acts, **{"info": page(EVAL), **pages})
    server.pages = {**server.pages, "/gradio_api/call/v2/eval_chunk": call}
    return server


def evaluating(server: FaultServer, **options: Any) -> Qwen3ZeroGPUAdapter:
    given: dict[str, Any] = {"space": server.origin, "cache": "", "retries": 0, **options}
    return Qwen3ZeroGPUAdapter(**given)


def record(name: str, **own: object) -> dict[str, object]:
    return {**SAMPLE, "sample_id": name, "text": f"{TEXT} {name}", "finish_reason": "stop", **own}


def running(*records: object) -> dict[str, object]:
    return {"status": "running", "samples": records}


def over(*records: object, left: int = 0) -> dict[str, object]:
    return {"status": "partial" if left else "complete", "left": left, "samples": records}


def samples(*names: str, **config: Any) -> list[Sample]:
    own = GenerationConfig(**config)
    return [Sample(sample_id=name, messages=(Message("user", f"é {name}"),), config=own) for name in names]


def answers(
    generator: Qwen3ZeroGPUAdapter, asked: list[Sample]
) -> tuple[list[SampleAnswer], UnifiedIntelligenceError | None]:
    """What came, and the error that ended it."""
    came: list[SampleAnswer | Notice] = []

    async def all_of_them() -> None:
        async for come in generator.asamples("r", asked):
            came.append(come)  # noqa: PERF401 - an error may end it

    error = None
    try:
        asyncio.run(all_of_them())
    except UnifiedIntelligenceError as raised:
        error = raised
    return [come for come in came if isinstance(come, SampleAnswer)], error


def texts(came: list[SampleAnswer]) -> dict[str, object]:
    return {one.sample_id: one.result.text if isinstance(one.result, Generation) else one.result for one in came}


@pytest.mark.parametrize("output", [[SAMPLE], {"samples": [SAMPLE]}])
def test_an_evaluated_sample_is_an_answer(output: object) -> None:
    with evaluation(streams(typed(output))) as server:
        answer = evaluating(server).generate("é", GenerationConfig(max_tokens=2))
        assert (answer.text, answer.reasoning, answer.finish_reason) == (TEXT, "Hmm", "length")
        assert answer.usage == Usage(3, 2)
        assert answer.tool_calls[0].name == "f"
        (sent,) = posted(server)
        assert sent["run_spec"]["generation"] == {"max_tokens": 2}
        assert sent["samples"] == [{"sample_id": "1", "epoch": 1, "messages": [{"role": "user", "content": "é"}]}]


def test_a_sample_tried_again_is_of_the_same_run() -> None:
    with evaluation(streams(None), streams(typed([SAMPLE]))) as server:
        generator = evaluating(server, retries=1)
        assert generator.generate("é").text == TEXT
        first, second = (sent["run_spec"]["run_id"] for sent in posted(server))
        assert first == second
        generator.generate("é")
        assert posted(server)[2]["run_spec"]["run_id"] != first


@pytest.mark.parametrize(
    ("output", "kind"),
    [
        ([{**SAMPLE, "error": {"type": "quota_exceeded", "message": "m"}}], QuotaExceededError),
        ([{**SAMPLE, "finish_reason": None}], ProtocolError),
        ([], ProtocolError),
        ([SAMPLE, SAMPLE], ProtocolError),
        ("text", ProtocolError),
    ],
)
def test_a_sample_that_failed_is_no_answer(output: object, kind: type[Exception]) -> None:
    with evaluation(streams(typed(output))) as server, pytest.raises(kind):
        evaluating(server).generate("é")


def test_samples_are_told_as_they_come_and_once() -> None:
    """Those of the last event are those that came before it; a whole answer is of the same worth as many pieces."""
    steps = running(), running(record("b")), running(record("b")), over(record("a"), record("b"))
    with evaluation(streams(typed(*steps))) as server:
        came, error = answers(evaluating(server), samples("a", "b", max_tokens=9))
        assert error is None and [one.sample_id for one in came] == ["b", "a"]
        (first, _) = came
        assert isinstance(first.result, Generation)
        assert first.result.timings == Timings(0.5, 2.0) and first.queue_s == 0.25
        (sent,) = posted(server)
        assert sent["run_spec"] == {"schema": "uic.eval/1", "run_id": "r", "generation": {"max_tokens": 9}}


def test_an_end_that_comes_twice_is_one_and_a_notice_is_told() -> None:
    told: dict[str, object] = {"status": "waiting", "samples": [], "notice": "Fewer\x1b seconds é."}
    with evaluation(streams(typed(told, [SAMPLE]), typed([SAMPLE]))) as server:
        events = list(evaluating(server).stream("é"))
        assert events[0] == Notice("Fewer seconds é.") and events.count(TextDelta(TEXT)) == 1
        came, error = answers(evaluating(server), samples("1"))
        assert len(came) == 1 and error is None


def test_what_differs_between_samples_is_said_of_each() -> None:
    asked = [*samples("a", max_tokens=9, temperature=0.5), *samples("b", max_tokens=9, seed=1)]
    with evaluation(streams(typed(over(record("a"), record("b"))))) as server:
        answers(evaluating(server), asked)
        (sent,) = posted(server)
        assert sent["run_spec"]["generation"] == {"max_tokens": 9}
        assert [one["generation"] for one in sent["samples"]] == [{"temperature": 0.5}, {"seed": 1}]


def test_what_a_call_did_not_get_to_is_asked_for_again() -> None:
    first, second = streams(typed(over(record("a"), left=2))), streams(typed(over(record("c"), record("b"))))
    with evaluation(first, second) as server:
        came, error = answers(evaluating(server), samples("a", "b", "c"))
        assert error is None and [one.sample_id for one in came] == ["a", "c", "b"]
        assert [[one["sample_id"] for one in sent["samples"]] for sent in posted(server)] == [
            ["a", "b", "c"],
            ["b", "c"],
        ]


def test_a_space_that_answers_nothing_is_not_asked_for_ever() -> None:
    with evaluation(streams(typed(over(left=1)))) as server:
        came, error = answers(evaluating(server), samples("a"))
        assert came == [] and isinstance(error, ProtocolError) and "none of the samples" in error.message
        assert len(posted(server)) == 2


def test_many_samples_are_sent_a_part_at_a_time() -> None:
    names = [str(number) for number in range(100)]
    first, second = (streams(typed(over(*map(record, part)))) for part in (names[:64], names[64:]))
    with evaluation(first, second) as server:
        came, error = answers(evaluating(server), samples(*names))
        assert error is None and [one.sample_id for one in came] == names
        assert [len(sent["samples"]) for sent in posted(server)] == [64, 36]


def test_a_samples_error_is_its_own() -> None:
    failed = {"type": "server_busy", "message": "Full é.", "hint": "Wait.", "retryable": True, "retry_after": 2.5}
    lasting = {"type": "timed_out", "message": "Too long.", "retryable": False}
    told = over(
        record("a", error=failed, finish_reason=None, text="fünf"),
        record("b", error=lasting),
        record("c", tool_calls=[{"id": "c", "function": {"name": "f", "arguments": '{"é": '}}]),
        record("d"),
    )
    with evaluation(streams(typed(told))) as server:
        came, error = answers(evaluating(server), samples(*"abcd"))
    assert error is None
    busy, late, malformed, text = texts(came).values()
    assert type(busy) is ServerBusyError and busy.retry_after == 2.5 and busy.partial == "fünf"
    assert type(late) is ProviderError and not late.retryable and "Too long." in late.message
    assert type(malformed) is MalformedToolCallError and text == f"{TEXT} d"


def test_a_connection_that_breaks_after_some_samples_costs_only_the_others() -> None:
    broken = streams(typed(running(record("a")), last=False), None)
    with evaluation(broken, streams(typed(over(record("b"))))) as server:
        came, error = answers(evaluating(server), samples("a", "b"))
        assert error is None and [one.sample_id for one in came] == ["a", "b"]
        assert [one["sample_id"] for one in posted(server)[1]["samples"]] == ["b"]


def test_a_quota_ends_the_run_after_what_came() -> None:
    with evaluation(streams(typed(running(record("a")), last=False), REFUSED)) as server:
        came, error = answers(evaluating(server, retries=3), samples("a", "b"))
        assert [one.sample_id for one in came] == ["a"]
        assert isinstance(error, QuotaExceededError) and error.retry_after == 3723.0 and len(posted(server)) == 1


def test_a_space_that_works_is_waited_for_and_one_that_only_lives_is_not() -> None:
    beat = typed(running(), last=False)
    with evaluation(streams(*[beat, 0.2] * 8, typed(over(record("a"))))) as server:
        came, error = answers(evaluating(server, idle_timeout=1.0, first_token_timeout=1.0), samples("a"))
        assert error is None and len(came) == 1
    with evaluation(streams(beat, *["event: heartbeat\ndata: null\n\n", 0.2] * 30)) as server:
        started = time.monotonic()
        _, error = answers(evaluating(server, idle_timeout=1.0), samples("a"))
        assert isinstance(error, TimedOutError) and time.monotonic() - started < 5


BROKEN: dict[str, tuple[list[Act], dict[str, Page], type[UnifiedIntelligenceError]]] = {
    "cut": ([streams(None)], {}, ConnectionFailedError),
    "ended without a word": ([streams("event: heartbeat\ndata: null\n\n")], {}, ProtocolError),
    "half an event": ([streams('event: complete\ndata: [{"samples')], {}, ProtocolError),
    "no JSON": ([streams("event: complete\ndata: {\n\n")], {}, ProtocolError),
    "an error": ([streams(REFUSED)], {}, QuotaExceededError),
    "an error without a word": ([streams("event: error\ndata: null\n\n")], {}, ModelError),
    "our own error": (
        [streams('event: error\ndata: {"title": "uic:invalid_request", "error": "m"}\n\n')], {}, InvalidRequestError),
    "silence": ([streams(5.0)], {}, TimedOutError),
    "only heartbeats": ([streams(*["event: heartbeat\ndata: null\n\n", 0.2] * 20)], {}, TimedOutError),
    "a page in place of a stream": ([lambda e: e.whole(200, "<html>Hello</html>", "text/html")], {}, ProtocolError),
    "queue full": ([], {"call": page({"detail": "Queue is full."}, 503)}, ServerBusyError),
    "a proxy's page": ([], {"config": page("<html>Welcome</html>", kind="text/html")}, ProtocolError),
    "a proxy's page for a call": ([], {"call": page("<html>Welcome</html>", kind="text/html")}, ProtocolError),
    "a starting Space's page": (
        [], {"config": page("<html>Your Space is building</html>", 503, "text/html")}, SpaceStartingError),
    "private": ([], {"config": page({"detail": "Not Found"}, 404)}, NotFoundOrPrivateError),
    "not allowed": ([], {"config": page({"detail": "Not authenticated"}, 401)}, AuthenticationError),
    "wrong endpoint": ([], {"info": page(INFO)}, ProtocolError),
}  # fmt: skip


@pytest.mark.parametrize("many", [False, True], ids=["one", "many"])
@pytest.mark.parametrize("fault", BROKEN)
def test_a_fault_is_raised_with_what_to_do(fault: str, many: bool) -> None:
    acts, pages, kind = BROKEN[fault]
    with evaluation(*(acts or [streams(typed(over(record("1"))))]), **pages) as server:
        generator = evaluating(server, first_token_timeout=1.0, idle_timeout=0.6)
        started = time.monotonic()
        if many:
            came, error = answers(generator, samples("1", "2"))
            assert came == []
        else:
            with pytest.raises(UnifiedIntelligenceError) as raised:
                generator.generate("é")
            error = raised.value
        assert type(error) is kind
        assert error is not None and error.hint
        assert time.monotonic() - started < 10
        assert not server.broken


@pytest.mark.parametrize("torn", ['event: generating\ndata: [{"stat', "event: generating\ndata: {\n\n"])
def test_what_breaks_after_some_samples_is_an_interruption(torn: str) -> None:
    """Nothing more comes of the second try either."""
    acts = streams(typed(running(record("a")), last=False), torn), streams(None)
    with evaluation(*acts) as server:
        came, error = answers(evaluating(server), samples("a", "b"))
        assert [one.sample_id for one in came] == ["a"] and isinstance(error, ConnectionFailedError)


def test_a_sleeping_space_is_followed_until_it_runs() -> None:
    acts = [streams(typed(over(record("a"))))]
    with evaluation(*acts, config=awake_after(1), api=hub("SLEEPING", "RUNNING")) as server:
        generator = evaluating(server, space="acme/qwen3", base_url=server.origin, hub=server.origin)
        told: list[object] = []

        async def all_of_them() -> None:
            told.extend([come async for come in generator.asamples("r", samples("a"))])

        asyncio.run(all_of_them())
        assert any(isinstance(come, Notice) and "SLEEPING" in come.text for come in told)
        assert isinstance(told[-1], SampleAnswer)


def test_a_run_that_breaks_again_and_again_ends() -> None:
    with evaluation(streams(typed(running(record("a")), last=False), None)) as server:
        came, error = answers(evaluating(server), samples("a", "b"))
        assert [one.sample_id for one in came] == ["a"]
        assert isinstance(error, StreamInterruptedError | ConnectionFailedError)


def test_nobody_there() -> None:
    generator = Qwen3ZeroGPUAdapter(space=f"http://127.0.0.1:{closed_port()}", cache="", retries=0)
    assert isinstance(answers(generator, samples("a"))[1], ConnectionFailedError)


def test_two_samples_of_one_name_are_refused_before_anything_is_sent() -> None:
    with evaluation() as server:
        _, error = answers(evaluating(server), samples("a", "a"))
        assert isinstance(error, InvalidRequestError) and not server.others


def test_a_space_without_eval_chunk_is_the_wrong_one() -> None:
    with misbehaving(info=page(INFO)) as server, pytest.raises(ProtocolError, match="/eval_chunk") as raised:
        evaluating(server).generate("é")
    assert raised.value.hint.endswith("--provider qwen3_zerogpu")
