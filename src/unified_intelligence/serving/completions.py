"""POST /v1/completions: a text for a prompt.

What answers here is a chat model, so a prompt is asked as one user message; nothing continues a text from where it
stops. Reasoning is left out, as the form has no place for it.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from itertools import accumulate
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from unified_intelligence.entities.generation import (
    Event,
    Finished,
    GenerationConfig,
    Notice,
    TextDelta,
    TokenLogprob,
    Usage,
)
from unified_intelligence.entities.message import Message
from unified_intelligence.serving.answer_json import encoded, new_id, now, usage_of
from unified_intelligence.serving.connection import WholeAnswer
from unified_intelligence.serving.documents import ANSWERING, answers_of
from unified_intelligence.serving.errors import RefusedError
from unified_intelligence.serving.event_stream import DONE, STILL_WORKING, EventStream, event
from unified_intelligence.serving.models import asked, asked_of
from unified_intelligence.serving.protocol import Answering, Tokens, Whole, for_choice
from unified_intelligence.serving.side_by_side import gathered, side_by_side
from unified_intelligence.serving.tokens import texts_of

if TYPE_CHECKING:
    from unified_intelligence.serving.service import Caller, Service

MOST_PROMPTS = 64
_Tokens = Annotated[Tokens, Field(min_length=1)]
_Texts = Annotated[list[str], Field(min_length=1, max_length=MOST_PROMPTS, fail_fast=True)]
_TokenLists = Annotated[list[_Tokens], Field(min_length=1, max_length=MOST_PROMPTS, fail_fast=True)]


class CompletionRequest(Answering):
    """`logprobs` is the number of alternatives told beside each token."""

    prompt: str | _Texts | _Tokens | _TokenLists = Field(examples=["Ça va ?"])
    logprobs: Whole | None = Field(None, ge=0, le=5)

    def config(self) -> GenerationConfig:
        return GenerationConfig(**self.sampling(), logprobs=self.logprobs)


def completion_routes(service: Service) -> APIRouter:
    router = APIRouter(tags=["answers"])

    @router.post("/v1/completions", responses=answers_of("Completion", *ANSWERING, stream=True))
    async def create_completion(body: CompletionRequest, request: Request) -> Response:
        """An answer to a prompt, which is asked as a user's message."""
        own = asked(service, body.model)
        prompts = await texts_of(own, body.prompt, "prompt")
        many = len(prompts) * (body.n or 1)
        if many > MOST_PROMPTS:
            raise RefusedError(
                400, f"prompt and n ask for more than {MOST_PROMPTS} answers.", param="prompt", code="invalid_request"
            )
        answers = _answers(own, body.caller(request.scope, many), body, prompts)
        if body.stream:
            return EventStream(_chunks(own, body, answers, len(prompts)))
        return WholeAnswer(_completion(own, body, answers, len(prompts)))

    return router


def _answers(
    service: Service, caller: Caller, body: CompletionRequest, prompts: Sequence[str]
) -> list[AsyncGenerator[Event]]:
    config = asked_of(service, body.model, body.config())
    return [
        service.answer(caller, [Message("user", prompt)], for_choice(config, index), again=index > 0)
        for prompt in prompts
        for index in range(body.n or 1)
    ]


async def _completion(
    service: Service, body: CompletionRequest, answers: list[AsyncGenerator[Event]], prompts: int
) -> bytes:
    generations = await gathered(answers)
    choices = [
        {
            "index": index,
            "text": each.text,
            "logprobs": _logprobs(each.logprobs, 0) if body.logprobs is not None else None,
            "finish_reason": each.finish_reason,
        }
        for index, each in enumerate(generations)
    ]
    usage = usage_of([each.usage for each in generations], prompts)
    return encoded({**_shared(service, body), "choices": choices, "usage": usage})


async def _chunks(
    service: Service, body: CompletionRequest, answers: list[AsyncGenerator[Event]], prompts: int
) -> AsyncGenerator[bytes]:
    head = encoded(_shared(service, body))[:-1]
    usage = b',"usage":null' if body.includes_usage else b""
    usages: dict[int, Usage | None] = {}
    written = [0] * len(answers)
    async with aclosing(side_by_side(answers)) as events:
        async for index, made in events:
            choice: dict[str, object] = {"index": index, "text": "", "logprobs": None, "finish_reason": None}
            match made:
                case TextDelta(text, logprobs):
                    told = _logprobs(logprobs, written[index]) if logprobs and body.logprobs is not None else None
                    choice |= {"text": text, "logprobs": told}
                    written[index] += len(text)
                case Finished(finish_reason):
                    usages[index] = made.usage
                    choice["finish_reason"] = finish_reason
                case Notice():
                    yield STILL_WORKING
                    continue
                case _:
                    continue
            yield event(head + b',"choices":[' + encoded(choice) + b"]" + usage + b"}")
    if body.includes_usage:
        told = usage_of([usages[index] for index in sorted(usages)], prompts)
        yield event(head + b',"choices":[],"usage":' + encoded(told) + b"}")
    yield DONE


def _shared(service: Service, body: CompletionRequest) -> dict[str, object]:
    return {
        "id": new_id("cmpl"),
        "object": "text_completion",
        "created": now(),
        "model": body.model,
        "system_fingerprint": service.fingerprint,
    }


def _logprobs(told: Sequence[TokenLogprob], offset: int) -> dict[str, object]:
    """The older form: lists of what the newer one has an object for; `offset` is where the first token begins."""
    starts = list(accumulate((len(each.token) for each in told), initial=offset))[:-1]
    return {
        "tokens": [each.token for each in told],
        "token_logprobs": [each.logprob for each in told],
        "top_logprobs": [{other.token: other.logprob for other in each.alternatives} for each in told],
        "text_offset": starts,
    }
