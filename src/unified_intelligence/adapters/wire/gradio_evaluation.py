"""Samples through /eval_chunk of an evaluation Space: what is asked and what comes back. Nothing is sent here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar, cast, get_args

import msgspec

from unified_intelligence.adapters.wire.answer_so_far import check_call
from unified_intelligence.adapters.wire.chat_request import message_fields
from unified_intelligence.adapters.wire.failures import UNREADABLE, visible
from unified_intelligence.adapters.wire.gradio_events import LONGEST_NOTICE, AnswerOfSpace, ReplyOfSpace, UsageOfSpace
from unified_intelligence.adapters.wire.gradio_failures import Reported, reported_error
from unified_intelligence.adapters.wire.gradio_offer import Offer
from unified_intelligence.adapters.wire.gradio_requests import config_fields, encoded, positional
from unified_intelligence.entities.errors import ProtocolError, UnifiedIntelligenceError
from unified_intelligence.entities.generation import (
    Event,
    Finished,
    FinishReason,
    Generation,
    Notice,
    ReasoningDelta,
    TextDelta,
    Timings,
    ToolCallDelta,
)
from unified_intelligence.entities.sample import Sample, SampleAnswer
from unified_intelligence.entities.tools import ToolCall

SCHEMA = "uic.eval/1"
T = TypeVar("T")
_ABSENT = object()


def chunk_body(samples: Sequence[Sample], run: str, offer: Offer, url: str) -> bytes:
    """A chunk. What is asked of every sample stands once, beside the run. Raises InvalidRequestError for no JSON."""
    asked = [config_fields(sample.config) for sample in samples]
    shared = {name: value for name, value in asked[0].items() if all(one.get(name, _ABSENT) == value for one in asked)}
    arguments: dict[str, object] = {
        "run_spec": {"schema": SCHEMA, "run_id": run, "generation": shared},
        "samples": [_sample_fields(*each, shared) for each in zip(samples, asked, strict=True)],
    }
    return encoded(arguments) if offer.named_calls else positional(arguments, "eval_chunk", offer, url)


def _sample_fields(sample: Sample, asked: Mapping[str, object], shared: Mapping[str, object]) -> dict[str, object]:
    own = {name: value for name, value in asked.items() if name not in shared}
    return {
        "sample_id": sample.sample_id,
        "epoch": sample.epoch,
        "messages": list(map(message_fields, sample.messages)),
        **({"generation": own} if own else {}),
    }


class _Function(msgspec.Struct):
    name: str = ""
    arguments: str = ""


class _Call(msgspec.Struct):
    id: str = ""
    name: str = ""
    arguments: str = ""
    function: _Function | None = None


class _Failure(msgspec.Struct):
    type: str = ""
    message: str = ""
    hint: str = ""
    retryable: bool | None = None
    retry_after: float | None = None


class _Record(msgspec.Struct):
    sample_id: str = ""
    epoch: int = 1
    attempt: int = 1
    text: str | None = None
    reasoning: str | None = None
    tool_calls: list[_Call] | None = None
    finish_reason: str | None = None
    usage: UsageOfSpace | None = None
    ttft_s: float | None = None
    latency_s: float | None = None
    queue_s: float | None = None
    started_at: str | None = None
    error: _Failure | None = None


class _Chunk(msgspec.Struct):
    samples: list[_Record]
    status: str = ""
    notice: str = ""


class _RecordsOfSpace(ReplyOfSpace[T]):
    """What both kinds of reading have in common: a list of records, or an object with them under `samples`."""

    def _chunk(self, data: bytes) -> _Chunk:
        try:
            (output,) = msgspec.json.decode(data, type=list[_Chunk | list[_Record]])
        except UNREADABLE as error:
            raise self._unreadable(data) from error
        chunk = output if isinstance(output, _Chunk) else _Chunk(output)
        self.works = chunk.status == "running"
        return chunk

    def _notices(self, chunk: _Chunk) -> list[Notice]:
        return [Notice(visible(chunk.notice, LONGEST_NOTICE, self._secrets))] if chunk.notice else []

    def _answer(self, record: _Record, data: bytes) -> Generation:
        """Raises the error that a record tells, and ProtocolError for one that tells neither that nor an end."""
        if failed := record.error:
            reported = Reported(failed.type, failed.message, failed.hint, failed.retryable, failed.retry_after)
            error = reported_error(reported, self._place())
            error.partial = record.text or ""
            raise error
        if record.finish_reason not in get_args(FinishReason):
            raise self._unreadable(data)
        calls = tuple(map(_call, record.tool_calls or ()))
        if record.finish_reason != "length":
            for call in calls:
                check_call(call.arguments)
        whole = record.latency_s
        return Generation(
            text=record.text or "",
            reasoning=record.reasoning or "",
            tool_calls=calls,
            finish_reason=cast("FinishReason", record.finish_reason),
            usage=record.usage and record.usage.read(),
            timings=None if whole is None else Timings(whole if record.ttft_s is None else record.ttft_s, whole),
        )


class ChunkAnswer(_RecordsOfSpace[Event], AnswerOfSpace):
    """The record of one sample, as an answer that comes in one piece."""

    def __init__(self, url: str = "", secrets: Iterable[str] = ()) -> None:
        super().__init__(url, secrets)
        self._end = Finished("stop")

    def finished(self, timings: Timings) -> Finished:
        return Finished(self._end.finish_reason, self._end.usage, timings)

    def _take(self, data: bytes, said: list[Event], *, last: bool) -> None:
        chunk = self._chunk(data)
        records = chunk.samples
        if not last:
            said.extend(self._notices(chunk))
            return
        if len(records) != 1:
            raise self._unreadable(data)
        answer = self._answer(records[0], data)
        if answer.reasoning:
            said.append(ReasoningDelta(answer.reasoning))
        if answer.text:
            self._text.append(answer.text)
            said.append(TextDelta(answer.text))
        for index, call in enumerate(answer.tool_calls):
            said.append(ToolCallDelta(index, call.id, call.name, call.arguments))
        self.begun = self.complete = True
        self._end = Finished(answer.finish_reason, answer.usage)


class ChunkAnswers(_RecordsOfSpace[SampleAnswer | Notice]):
    """The records of many samples, each told once, whether they come one by one or all at the end."""

    def __init__(self, url: str = "", secrets: Iterable[str] = ()) -> None:
        super().__init__(url, secrets)
        self._told: set[tuple[str, int]] = set()

    def _take(self, data: bytes, said: list[SampleAnswer | Notice], *, last: bool) -> None:
        chunk = self._chunk(data)
        said.extend(self._notices(chunk))
        for record in chunk.samples:
            name = record.sample_id, record.epoch
            if name not in self._told:
                self._told.add(name)
                said.append(self._told_of(record, data))
                self.begun = True
        self.complete = last

    def _told_of(self, record: _Record, data: bytes) -> SampleAnswer:
        try:
            result: Generation | UnifiedIntelligenceError = self._answer(record, data)
        except ProtocolError:
            raise
        except UnifiedIntelligenceError as error:
            result = error
        return SampleAnswer(
            sample_id=record.sample_id, epoch=record.epoch, result=result, attempt=record.attempt,
            started_at=record.started_at or "", queue_s=record.queue_s,
        )  # fmt: skip


def _call(call: _Call) -> ToolCall:
    name, arguments = (call.function.name, call.function.arguments) if call.function else (call.name, call.arguments)
    return ToolCall(call.id, name, arguments)
