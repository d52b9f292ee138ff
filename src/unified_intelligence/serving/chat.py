"""POST /v1/chat/completions: an answer whole, or in chunks as it is made."""

from __future__ import annotations

import uuid
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from unified_intelligence.entities.generation import (
    Event,
    Finished,
    Generation,
    Notice,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
    Usage,
)
from unified_intelligence.serving.answer_json import encoded, logprob_of, new_id, now, usage_of
from unified_intelligence.serving.chat_request import ChatRequest
from unified_intelligence.serving.connection import WholeAnswer
from unified_intelligence.serving.documents import ANSWERING, answers_of
from unified_intelligence.serving.event_stream import DONE, STILL_WORKING, EventStream, event
from unified_intelligence.serving.models import asked, asked_of
from unified_intelligence.serving.protocol import for_choice
from unified_intelligence.serving.side_by_side import gathered, side_by_side

if TYPE_CHECKING:
    from unified_intelligence.serving.service import Caller, Service


def chat_routes(service: Service) -> APIRouter:
    router = APIRouter()

    @router.post(
        "/v1/chat/completions", responses=answers_of("ChatCompletion", *ANSWERING, stream=True), tags=["answers"]
    )
    async def create_chat_completion(body: ChatRequest, request: Request) -> Response:
        """An answer to a conversation."""
        own = asked(service, body.model)
        answers = _answers(own, body.caller(request.scope, body.n or 1), body)
        if body.stream:
            return EventStream(_chunks(own, body, answers))
        return WholeAnswer(_completion(own, body, answers))

    return router


def _answers(service: Service, caller: Caller, body: ChatRequest) -> list[AsyncGenerator[Event]]:
    config = asked_of(service, body.model, body.config())
    messages = [turn.read() for turn in body.messages]
    return [
        service.answer(caller, messages, for_choice(config, index), again=index > 0) for index in range(body.n or 1)
    ]


async def _completion(service: Service, body: ChatRequest, answers: list[AsyncGenerator[Event]]) -> bytes:
    generations = await gathered(answers)
    return encoded(
        {
            "id": new_id("chatcmpl"),
            "object": "chat.completion",
            "created": now(),
            "model": body.model,
            "choices": [_choice(index, each, body) for index, each in enumerate(generations)],
            "usage": usage_of([each.usage for each in generations]),
            "system_fingerprint": service.fingerprint,
        }
    )


def _choice(index: int, answer: Generation, body: ChatRequest) -> dict[str, object]:
    message: dict[str, object] = {"role": "assistant", "content": answer.text, "refusal": None}
    if answer.reasoning and body.include_reasoning is not False:
        message |= {"reasoning_content": answer.reasoning, "reasoning": answer.reasoning}
    if answer.tool_calls:
        message["content"] = answer.text or None
        message["tool_calls"] = [
            {
                "id": call.id or _call_id(),
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for call in answer.tool_calls
        ]
    logprobs = {"content": list(map(logprob_of, answer.logprobs)), "refusal": None} if body.logprobs else None
    return {"index": index, "message": message, "logprobs": logprobs, "finish_reason": answer.finish_reason}


async def _chunks(service: Service, body: ChatRequest, answers: list[AsyncGenerator[Event]]) -> AsyncGenerator[bytes]:
    chunk = _Chunk(service, body)
    greeted: set[int] = set()
    usages: dict[int, Usage | None] = {}
    async with aclosing(side_by_side(answers)) as events:
        async for index, made in events:
            if isinstance(made, Notice):
                yield STILL_WORKING
                continue
            piece = b"" if index in greeted else chunk.greeting(index)
            greeted.add(index)
            if isinstance(made, Finished):
                usages[index] = made.usage
            piece += chunk.of(index, made)
            if piece:
                yield piece
    if body.includes_usage:
        yield chunk.usage(usage_of([usages[index] for index in sorted(usages)]))
    yield DONE


class _Chunk:
    """Writes the chunks of one stream: what they share, then what differs."""

    def __init__(self, service: Service, body: ChatRequest) -> None:
        shared = {
            "id": new_id("chatcmpl"),
            "object": "chat.completion.chunk",
            "created": now(),
            "model": body.model,
            "system_fingerprint": service.fingerprint,
        }
        self._head = encoded(shared)[:-1]
        self._usage = b',"usage":null' if body.includes_usage else b""
        self._body = body
        self._plain_tail = b'},"logprobs":null,"finish_reason":null}]' + self._usage + b"}\n\n"
        self._starts: dict[int, bytes] = {}
        self._called: set[tuple[int, int]] = set()

    def greeting(self, index: int) -> bytes:
        """The first chunk of a choice."""
        return self._with(index, b'"role":"assistant","content":"","refusal":null')

    def of(self, index: int, made: Event) -> bytes:
        """The chunk of an event; nothing for reasoning nobody wants to see."""
        match made:
            case TextDelta(text, logprobs) if not (logprobs and self._body.logprobs):
                return self._with(index, b'"content":' + encoded(text)) if text else b""
            case TextDelta(text, logprobs):
                told = {"content": list(map(logprob_of, logprobs)), "refusal": None}
                return self._whole(index, {"content": text}, logprobs=told)
            case ReasoningDelta(text):
                if self._body.include_reasoning is False or not text:
                    return b""
                written = encoded(text)
                return self._with(index, b'"reasoning_content":' + written + b',"reasoning":' + written)
            case ToolCallDelta():
                return self._with(index, b'"tool_calls":[' + encoded(self._call(index, made)) + b"]")
            case Finished(finish_reason):
                return self._whole(index, {}, finish_reason=finish_reason)
            case Notice():
                return b""

    def usage(self, usage: dict[str, object] | None) -> bytes:
        """The last chunk, for who asked for it."""
        return event(self._head + b',"choices":[],"usage":' + encoded(usage) + b"}")

    def _with(self, index: int, delta: bytes) -> bytes:
        start = self._starts.get(index)
        if start is None:
            start = b"data: " + self._head + b',"choices":[{"index":%d,"delta":{' % index
            self._starts[index] = start
        return start + delta + self._plain_tail

    def _whole(self, index: int, delta: dict[str, Any], **more: object) -> bytes:
        choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": None, **more}
        return event(self._head + b',"choices":[' + encoded(choice) + b"]" + self._usage + b"}")

    def _call(self, index: int, made: ToolCallDelta) -> dict[str, object]:
        if (index, made.index) in self._called:
            return {"index": made.index, "function": {"arguments": made.arguments}}
        self._called.add((index, made.index))
        function = {"name": made.name, "arguments": made.arguments}
        return {"index": made.index, "id": made.id or _call_id(), "type": "function", "function": function}


def _call_id() -> str:
    return f"call_{uuid.uuid4().hex[:24]}"
