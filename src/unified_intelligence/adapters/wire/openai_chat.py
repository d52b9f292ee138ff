"""OpenAI's chat completions: a conversation as the body of a request, and what comes back as events. No I/O.

Servers differ. Reasoning comes as `reasoning_content`, as `reasoning` or between think tags; some answer a request for
a stream with one document; some leave out the reason at the end, or `[DONE]`. All of it is read into the same events.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from unified_intelligence.adapters.wire.failures import error_in_answer
from unified_intelligence.entities.errors import AnswerRefusedError, ProtocolError
from unified_intelligence.entities.generation import (
    Event,
    Finished,
    FinishReason,
    GenerationConfig,
    JsonFormat,
    NamedTool,
    ReasoningDelta,
    TextDelta,
    Timings,
    TokenLogprob,
    ToolCallDelta,
    Usage,
)
from unified_intelligence.entities.message import Message
from unified_intelligence.entities.reasoning import Piece, TagSplitter
from unified_intelligence.entities.tools import ToolSpec
from unified_intelligence.profiles.qwen3 import TAGS

_SAME = (
    "max_tokens", "min_tokens", "temperature", "top_p", "top_k", "min_p", "presence_penalty", "frequency_penalty",
    "repetition_penalty", "seed", "reasoning_effort", "parallel_tool_calls",
)  # fmt: skip
_REASONS: dict[str, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
}


def request_body(model: str, turns: Sequence[Message], config: GenerationConfig) -> bytes:
    """JSON with the fields that were set. What OpenAI has no name for goes by vLLM's."""
    body: dict[str, Any] = {
        "model": model,
        "messages": [_message(turn) for turn in turns],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    body |= {name: value for name in _SAME if (value := getattr(config, name)) is not None}
    if config.stop:
        body["stop"] = list(config.stop)
    if config.logprobs is not None:
        body |= {"logprobs": True, "top_logprobs": config.logprobs}
    if config.thinking is not None:
        body["chat_template_kwargs"] = {"enable_thinking": config.thinking}
    if config.thinking_budget is not None:
        body["thinking_token_budget"] = config.thinking_budget
    if config.response_format is not None:
        body["response_format"] = _format(config.response_format)
    if config.tools:
        body["tools"] = [_tool(tool) for tool in config.tools]
        choice = config.tool_choice
        named = isinstance(choice, NamedTool)
        body["tool_choice"] = {"type": "function", "function": {"name": choice.name}} if named else choice
    return msgspec.json.encode(body)


def _message(turn: Message) -> dict[str, Any]:
    fields: dict[str, Any] = {"role": turn.role, "content": turn.content}
    if turn.tool_calls:
        calls = [(call.id, {"name": call.name, "arguments": call.arguments}) for call in turn.tool_calls]
        fields["tool_calls"] = [{"id": id_, "type": "function", "function": function} for id_, function in calls]
        fields["content"] = turn.content or None
    if turn.tool_call_id:
        fields["tool_call_id"] = turn.tool_call_id
    return fields


def _tool(tool: ToolSpec) -> dict[str, Any]:
    function = {"name": tool.name, "description": tool.description, "parameters": dict(tool.parameters)}
    return {"type": "function", "function": function}


def _format(wanted: JsonFormat) -> dict[str, Any]:
    if wanted.schema is None:
        return {"type": "json_object"}
    schema = {"name": wanted.name, "schema": dict(wanted.schema), "strict": wanted.strict}
    return {"type": "json_schema", "json_schema": schema}


class _Function(msgspec.Struct):
    name: str | None = None
    arguments: str | None = None


class _Call(msgspec.Struct):
    index: int | None = None
    id: str | None = None
    function: _Function | None = None


class _Said(msgspec.Struct):
    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    refusal: str | None = None
    tool_calls: list[_Call] | None = None


class _Token(msgspec.Struct):
    token: str
    logprob: float
    top_logprobs: list[_Token] | None = None


class _Logprobs(msgspec.Struct):
    content: list[_Token] | None = None


class _Choice(msgspec.Struct):
    delta: _Said | None = None
    message: _Said | None = None
    finish_reason: str | None = None
    logprobs: _Logprobs | None = None
    index: int = 0


class _Details(msgspec.Struct):
    reasoning_tokens: int | None = None
    cached_tokens: int | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: _Details | None = None
    completion_tokens_details: _Details | None = None


class _Chunk(msgspec.Struct):
    choices: list[_Choice] | None = None
    usage: _Usage | None = None
    error: Any = None
    detail: Any = None


_decode = msgspec.json.Decoder(_Chunk).decode


class AnswerReader:
    """Reads one answer. `started` once a word, a thought or a call has come; `done` once nothing more counts."""

    def __init__(self, url: str, secrets: Sequence[str] = ()) -> None:
        self._url, self._secrets = url, secrets
        self._splitter: TagSplitter | None = None
        self._text: list[str] = []
        self._reason: FinishReason | None = None
        self._usage: Usage | None = None
        self.started = self.done = False

    @property
    def partial(self) -> str:
        """The text so far."""
        return "".join(self._text)

    def read(self, name: str, data: bytes) -> list[Event]:
        """The events of one server-sent event. Raises ProtocolError, and what the server tells as an error."""
        if self.done:
            return []
        if data == b"[DONE]" or data.strip() == b"[DONE]":
            self.done = True
            return []
        chunk = self._decoded(data)
        if name == "error":
            raise self._told(chunk.error or data.decode("utf-8", "replace"))
        return self._events(chunk)

    def read_document(self, body: bytes) -> list[Event]:
        """The events of an answer that came as one document."""
        chunk = self._decoded(body)
        events = self._events(chunk)
        self.done = bool(chunk.choices)
        return events

    def end(self, timings: Timings) -> list[Event]:
        """What was held back, and `Finished`. Raises ProtocolError for an answer without anything in it.

        The stream has ended. Whether it was complete is `complete`'s to say, and asked before.
        """
        events: list[Event] = []
        if self._splitter is not None:
            events += self._pieces(self._splitter.flush())
        if self._reason is None and not self.started:
            raise ProtocolError(
                f"{self._url} answered with nothing: no choice, no reason.", url=self._url, passing=True
            )
        if self._reason == "content_filter" and not self.started:
            raise AnswerRefusedError("The provider's filter let no answer through.", hint="Say it in other words.")
        events.append(Finished(self._reason or "stop", self._usage, timings))
        return events

    @property
    def complete(self) -> bool:
        return self.done or self._reason is not None

    def _decoded(self, data: bytes) -> _Chunk:
        try:
            return _decode(data.removeprefix(b"\xef\xbb\xbf"))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            said = f"{self._url} sent what is no answer of this protocol: {str(error)[:120]}."
            raise ProtocolError(
                said, hint="Is this an OpenAI-compatible address?", url=self._url, passing=True
            ) from error

    def _told(self, error: object) -> Exception:
        return error_in_answer(error, url=self._url, secrets=self._secrets)

    def _events(self, chunk: _Chunk) -> list[Event]:
        if chunk.error:
            raise self._told(chunk.error)
        if chunk.detail and chunk.choices is None:
            raise self._told(chunk.detail)
        if chunk.usage is not None:
            self._usage = _usage(chunk.usage)
        events: list[Event] = []
        for choice in chunk.choices or ():
            said = choice.delta or choice.message
            if choice.index == 0 and said is not None:
                events += self._said(said, choice.logprobs)
            if choice.index == 0 and choice.finish_reason:
                self._reason = _REASONS.get(choice.finish_reason, "stop")
        return events

    def _said(self, said: _Said, logprobs: _Logprobs | None) -> list[Event]:
        events: list[Event] = []
        if thought := said.reasoning_content or said.reasoning:
            self.started = True
            events.append(ReasoningDelta(thought))
        if text := said.content or said.refusal:
            tokens = tuple(map(_logprob, logprobs.content)) if logprobs and logprobs.content else ()
            if self._splitter is None and (self.started or not _may_think(text)):
                self._text.append(text)
                self.started = True
                events.append(TextDelta(text, tokens))
            else:
                events += self._tagged(text)
        for position, call in enumerate(said.tool_calls or ()):
            self.started = True
            function = call.function or _Function()
            index = position if call.index is None else call.index
            events.append(ToolCallDelta(index, call.id or "", function.name or "", function.arguments or ""))
        return events

    def _tagged(self, text: str) -> Iterator[Event]:
        """An answer that begins with a think tag, or may: only its beginning can."""
        if self._splitter is None:
            self._splitter = TagSplitter({"reasoning": TAGS["reasoning"]})
        return self._pieces(self._splitter.feed(text))

    def _pieces(self, pieces: Sequence[Piece]) -> Iterator[Event]:
        for piece in pieces:
            if not piece.text:
                continue
            self.started = True
            if piece.channel == "reasoning":
                yield ReasoningDelta(piece.text)
            else:
                self._text.append(piece.text)
                yield TextDelta(piece.text)


def _may_think(text: str) -> bool:
    opening, start = TAGS["reasoning"][0], text.lstrip()
    return start.startswith(opening) or opening.startswith(start)


def _logprob(token: _Token) -> TokenLogprob:
    return TokenLogprob(token.token, token.logprob, tuple(map(_logprob, token.top_logprobs or ())))


def _usage(told: _Usage) -> Usage | None:
    if told.prompt_tokens is None or told.completion_tokens is None:
        return None
    reasoned = told.completion_tokens_details and told.completion_tokens_details.reasoning_tokens
    cached = told.prompt_tokens_details and told.prompt_tokens_details.cached_tokens
    return Usage(told.prompt_tokens, told.completion_tokens, reasoned, cached)


class _Model(msgspec.Struct):
    id: str


class _Models(msgspec.Struct):
    data: list[_Model]


def first_model(body: bytes, url: str) -> str:
    """The first of the models a server lists. Raises ProtocolError."""
    try:
        models = msgspec.json.decode(body, type=_Models).data
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ProtocolError(f"{url} lists no models that can be read.", hint="Name one: --model", url=url) from error
    if not models:
        raise ProtocolError(f"{url} lists no model.", hint="Name one: --model", url=url)
    return models[0].id


class _Vector(msgspec.Struct):
    index: int
    embedding: list[float]


class _Vectors(msgspec.Struct):
    data: list[_Vector]
    usage: _Usage | None = None


def embedding_body(model: str, texts: Sequence[str], dimensions: int | None) -> bytes:
    body: dict[str, Any] = {"model": model, "input": list(texts), "encoding_format": "float"}
    return msgspec.json.encode(body if dimensions is None else {**body, "dimensions": dimensions})


def read_embeddings(body: bytes, count: int, url: str) -> tuple[list[list[float]], int | None]:
    """The vectors in the order of their texts, and the tokens read. Raises ProtocolError."""
    try:
        told = msgspec.json.decode(body, type=_Vectors)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ProtocolError(f"{url} sent no vectors that can be read.", url=url) from error
    vectors = {vector.index: vector.embedding for vector in told.data}
    if sorted(vectors) != list(range(count)):
        raise ProtocolError(f"{url} sent {len(vectors)} vectors for {count} texts.", url=url)
    return [vectors[index] for index in range(count)], told.usage.prompt_tokens if told.usage else None
