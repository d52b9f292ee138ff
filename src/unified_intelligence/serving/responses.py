"""POST /v1/responses: an answer as items, whole or in typed events. Nothing is kept to be asked for later."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from unified_intelligence.entities.generation import Event, Notice
from unified_intelligence.serving.answer_json import encoded
from unified_intelligence.serving.connection import WholeAnswer
from unified_intelligence.serving.documents import ANSWERING, answers_of
from unified_intelligence.serving.errors import failure_of, log_failure
from unified_intelligence.serving.event_stream import STILL_WORKING, EventStream
from unified_intelligence.serving.models import asked, asked_of
from unified_intelligence.serving.responses_events import Told, Writer
from unified_intelligence.serving.responses_protocol import ResponsesRequest
from unified_intelligence.serving.service import caller_of
from unified_intelligence.serving.side_by_side import side_by_side

if TYPE_CHECKING:
    from unified_intelligence.serving.service import Caller, Service


def responses_routes(service: Service) -> APIRouter:
    router = APIRouter()

    @router.post("/v1/responses", responses=answers_of("Response", *ANSWERING, stream=True), tags=["answers"])
    async def create_response(body: ResponsesRequest, request: Request) -> Response:
        """An answer to a conversation, as a response."""
        own, caller = asked(service, body.model), caller_of(request.scope)
        answer = own.answer(caller, body.messages(), asked_of(own, body.model, body.config()))
        writer = Writer(body.told_again(), logprobs=body.wants_logprobs)
        if body.stream:
            return EventStream(_events(writer, answer, caller))
        return WholeAnswer(_whole(writer, answer))

    return router


async def _whole(writer: Writer, answer: AsyncGenerator[Event]) -> bytes:
    last: Told = {}
    async with aclosing(side_by_side([answer])) as events:
        async for _, made in events:
            for told in writer.add(made):
                last = told
    return encoded(last["response"])


async def _events(writer: Writer, answer: AsyncGenerator[Event], caller: Caller) -> AsyncGenerator[bytes]:
    """Nothing but comments goes out before the answer begins, so that a failure until then has its own status."""
    number = 0

    def numbered(told: Told) -> bytes:
        nonlocal number
        kind, told["sequence_number"] = told["type"], number
        number += 1
        return b"event: %s\ndata: %s\n\n" % (kind.encode(), encoded(told))

    try:
        async with aclosing(side_by_side([answer])) as events:
            async for _, made in events:
                if isinstance(made, Notice):
                    yield STILL_WORKING
                    continue
                if not number:
                    yield b"".join(map(numbered, writer.begin()))
                if piece := b"".join(map(numbered, writer.add(made))):
                    yield piece
    except Exception as error:
        if not number:
            raise
        failure = failure_of(error, "/v1/responses")
        log_failure(error, failure, caller.request_id)
        yield numbered(writer.fail(failure))
