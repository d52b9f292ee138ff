"""One sample through /eval_chunk of an evaluation Space: what is asked and what comes back. Nothing is sent here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import cast, get_args

import msgspec

from unified_intelligence.adapters.wire.chat_request import message_fields
from unified_intelligence.adapters.wire.gradio_events import AnswerOfSpace
from unified_intelligence.adapters.wire.gradio_failures import Reported, reported_error
from unified_intelligence.adapters.wire.gradio_offer import Offer
from unified_intelligence.adapters.wire.gradio_requests import config_fields, encoded, positional
from unified_intelligence.entities.generation import (
    Event,
    Finished,
    FinishReason,
    GenerationConfig,
    ReasoningDelta,
    TextDelta,
    Timings,
    ToolCallDelta,
    Usage,
)
from unified_intelligence.entities.message import Message

SCHEMA = "uic.eval/1"
_UNREADABLE = (msgspec.MsgspecError, ValueError, RecursionError)


def chunk_body(turns: Sequence[Message], config: GenerationConfig | None, run: str, offer: Offer, url: str) -> bytes:
    """A chunk of one sample. Raises InvalidRequestError for what is no JSON."""
    arguments = {
        "run_spec": {"schema": SCHEMA, "run_id": run, "generation": config_fields(config)},
        "samples": [{"sample_id": "1", "epoch": 1, "messages": list(map(message_fields, turns))}],
    }
    return encoded(arguments) if offer.named_calls else positional(arguments, "eval_chunk", offer, url)


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


class _Usage(msgspec.Struct):
    prompt_tokens: int
    completion_tokens: int
    reasoning_tokens: int | None = None
    cached_tokens: int | None = None


class _Sample(msgspec.Struct):
    text: str | None = None
    reasoning: str | None = None
    tool_calls: list[_Call] | None = None
    finish_reason: str | None = None
    usage: _Usage | None = None
    error: _Failure | None = None


class _Chunk(msgspec.Struct):
    samples: list[_Sample]


class ChunkAnswer(AnswerOfSpace):
    """The record of one sample, as a list of one or under `samples`."""

    def __init__(self, url: str = "", secrets: Iterable[str] = ()) -> None:
        super().__init__(url, secrets)
        self._end = Finished("stop")

    def finished(self, timings: Timings) -> Finished:
        return Finished(self._end.finish_reason, self._end.usage, timings)

    def _take(self, data: bytes, said: list[Event], *, last: bool) -> None:
        if not last:
            return
        sample = self._sample(data)
        if failed := sample.error:
            reported = Reported(failed.type, failed.message, failed.hint, failed.retryable, failed.retry_after)
            raise reported_error(reported, self._place())
        if sample.finish_reason not in get_args(FinishReason):
            raise self._unreadable(data)
        if sample.reasoning:
            said.append(ReasoningDelta(sample.reasoning))
        if sample.text:
            self._text.append(sample.text)
            said.append(TextDelta(sample.text))
        for index, call in enumerate(sample.tool_calls or ()):
            name, arguments = (
                (call.function.name, call.function.arguments) if call.function else (call.name, call.arguments)
            )
            said.append(ToolCallDelta(index, call.id, name, arguments))
        usage = sample.usage
        self.begun = self.complete = True
        self._end = Finished(
            cast("FinishReason", sample.finish_reason),
            usage and Usage(usage.prompt_tokens, usage.completion_tokens, usage.reasoning_tokens, usage.cached_tokens),
        )

    def _sample(self, data: bytes) -> _Sample:
        try:
            (output,) = msgspec.json.decode(data, type=list[_Chunk | list[_Sample]])
        except _UNREADABLE as error:
            raise self._unreadable(data) from error
        samples = output.samples if isinstance(output, _Chunk) else output
        if len(samples) != 1:
            raise self._unreadable(data)
        return samples[0]
