"""Answers of /chat/completions, in pieces or whole, read into events. Nothing is sent or awaited here.

Servers differ, and nearly all of it is harmless: fields nobody knows are passed over, null is as good as absent. What
is not harmless is told apart: an answer that ended (a finish_reason, or [DONE]), one that broke off, none at all.

Reasoning comes in a field of its own, or in think tags at the beginning of the text. Tags further on are the model's
words about tags.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import inf

import msgspec

from unified_intelligence.adapters.wire.answer_so_far import AnswerSoFar, check_call
from unified_intelligence.adapters.wire.failures import (
    LONGEST_EXCERPT,
    LOOK_THERE,
    UNREADABLE,
    error_in_answer,
    visible,
)
from unified_intelligence.adapters.wire.sse import ServerSentEvent
from unified_intelligence.entities.errors import (
    AnswerRefusedError,
    ProtocolError,
    UnifiedIntelligenceError,
)
from unified_intelligence.entities.generation import (
    Event,
    Finished,
    FinishReason,
    ReasoningDelta,
    TextDelta,
    Timings,
    TokenLogprob,
    ToolCallDelta,
    Usage,
)
from unified_intelligence.entities.reasoning import Tags, TagSplitter
from unified_intelligence.profiles.qwen3 import TAGS

_DONE = b"[DONE]"
_SHORT = 16  # bytes, less than any JSON with a choice in it
_THINK: Tags = {"reasoning": TAGS["reasoning"]}
_OPENING = TAGS["reasoning"][0]
_REASONS: dict[str, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
    "eos": "stop",
    "eos_token": "stop",
    "stop_sequence": "stop",
    "end_turn": "stop",
    "max_tokens": "length",
    "tool_use": "tool_calls",
    "safety": "content_filter",
}
"""What servers call the end of a whole answer. With any other reason, such as error or abort, it is not whole."""


class _Details(msgspec.Struct, gc=False):
    reasoning_tokens: int | None = None
    cached_tokens: int | None = None


class _Usage(msgspec.Struct, gc=False):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    completion_tokens_details: _Details | None = None
    prompt_tokens_details: _Details | None = None


class _Token(msgspec.Struct, gc=False):
    token: str | None = None
    logprob: float | None = None
    top_logprobs: list[_Token] | None = None


class _Logprobs(msgspec.Struct, gc=False):
    content: list[_Token] | None = None


class _Function(msgspec.Struct, gc=False):
    name: str | None = None
    arguments: str | dict[str, object] | None = None


class _Call(msgspec.Struct, gc=False):
    index: int | None = None
    id: str | None = None
    function: _Function | None = None


class _Delta(msgspec.Struct, gc=False):
    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    refusal: str | None = None
    tool_calls: list[_Call] | None = None
    function_call: _Function | None = None


class _Choice(msgspec.Struct, gc=False):
    index: int | None = 0
    delta: _Delta | None = None
    message: _Delta | None = None
    finish_reason: str | None = None
    logprobs: _Logprobs | None = None


class _Chunk(msgspec.Struct, gc=False):
    choices: list[_Choice] | None = None
    usage: _Usage | None = None
    model: object = None
    error: object = None
    detail: object = None
    kind: str | None = msgspec.field(default=None, name="object")


_decode = msgspec.json.Decoder(_Chunk, strict=False).decode


class AnswerReader(AnswerSoFar):
    """Reads one answer. `url` is who gives it; `secrets` are never shown when a server quotes them."""

    def __init__(self, url: str = "", secrets: Iterable[str] = ()) -> None:
        super().__init__()
        self.done = False  # nothing that follows counts
        self.begun = False  # a choice came
        self.model: str | None = None  # who answers; what the server says of it counts more than what was asked for
        self._url, self._secrets = url, tuple(secrets)
        self._reason: FinishReason | None = None
        self._wrong_end = ""  # a reason that is none of an answer's
        self._usage: _Usage | None = None
        self._refusal: list[str] = []
        self._calls = _Calls()
        self._think = _LeadingThought()

    @property
    def complete(self) -> bool:
        return self.done or self._reason is not None or self._wrong_end != ""

    def read(self, events: Iterable[ServerSentEvent]) -> list[Event]:
        """What the server's events say. Raises the error that one of them is, ProtocolError for no JSON."""
        said: list[Event] = []
        for name, data in events:
            if len(data) < _SHORT and data.strip() == _DONE:
                self.done = True
                break
            try:
                chunk = _decode(data)
            except UNREADABLE as error:
                if name == "error":
                    raise self._reported(data.decode("utf-8", "replace")) from error
                raise self._unreadable(data) from error
            if chunk.error or chunk.choices is None:
                self._look_for_error(name, chunk, data)
            if chunk.usage is not None:
                self._usage = chunk.usage
            if chunk.model and isinstance(chunk.model, str):
                self.model = chunk.model
            for choice in chunk.choices or ():
                if not choice.index:
                    self._take(choice, said)
        return said

    def read_rest(self, events: Iterable[ServerSentEvent]) -> list[Event]:
        """What the last bytes say, which a cut may have torn. Raises StreamInterruptedError where it has."""
        try:
            return self.read(events)
        except ProtocolError as error:
            raise self.interrupted("The answer was cut in the middle of a piece.") from error

    def read_whole(self, body: bytes) -> list[Event]:
        """What one JSON object says, from a server that does not stream. It has a choice or is an error."""
        said = self.read([("", body.removeprefix(b"\xef\xbb\xbf"))])
        self.done = True
        return said

    def last_words(self) -> list[Event]:
        """What was held back, at the end. Raises ProtocolError if there was no answer, StreamInterruptedError if it
        did not come to its end, AnswerRefusedError if the provider kept it, MalformedToolCallError for a call that
        nobody can read.
        """
        if not self.begun:
            said = f"{self._url} gave an empty answer: not one choice."
            raise ProtocolError(said, hint=LOOK_THERE, url=self._url, status=200, passing=True)
        if not self.complete:
            raise self.interrupted("The answer stopped before its end: neither a finish_reason nor [DONE] came.")
        if self._wrong_end:
            shown = visible(self._wrong_end, LONGEST_EXCERPT, self._secrets)
            raise self.interrupted(
                f"{self._url} ended the answer with the reason {shown!r}, which is not a whole one's."
            )
        events: list[Event] = []
        for event in self._think.rest():
            self._say(event, events)
        if self._refusal:
            raise AnswerRefusedError(
                visible("".join(self._refusal), secrets=self._secrets), hint="Say it in other words."
            )
        if self._reason != "length":
            self._calls.check()
        if self._reason == "content_filter" and not self._text:
            raise AnswerRefusedError(
                f"{self._url} let no answer through: its filter ended it.", hint="Say it in other words."
            )
        return events

    def finished(self, timings: Timings) -> Finished:
        """The end of a complete answer. Some servers end a call with "stop"; it is one all the same."""
        reason = self._reason or "stop"
        ended = "tool_calls" if reason == "stop" and self._calls else reason
        return Finished(ended, _usage(self._usage), timings, self.model)

    def _take(self, choice: _Choice, said: list[Event]) -> None:
        self.begun = True
        delta = choice.delta or choice.message
        if delta is not None:
            if reasoning := delta.reasoning_content or delta.reasoning:
                said.append(ReasoningDelta(reasoning))
                self._think.is_elsewhere()
            if content := delta.content:
                logprobs = () if choice.logprobs is None else _logprobs(choice.logprobs)
                if self._think.over:
                    self._text.append(content)
                    said.append(TextDelta(content, logprobs))
                else:
                    for event in self._think.feed(TextDelta(content, logprobs)):
                        self._say(event, said)
            if delta.tool_calls or delta.function_call or delta.refusal:
                self._take_rest(delta, said)
        if choice.finish_reason:
            self._reason = _REASONS.get(choice.finish_reason.lower())
            self._wrong_end = "" if self._reason else choice.finish_reason

    def _take_rest(self, delta: _Delta, said: list[Event]) -> None:
        said.extend(self._calls.piece(call) for call in delta.tool_calls or ())
        if delta.function_call is not None and not delta.tool_calls:
            said.append(self._calls.piece(_Call(0, None, delta.function_call)))
        if delta.refusal:
            self._refusal.append(delta.refusal)

    def _say(self, event: TextDelta | ReasoningDelta, said: list[Event]) -> None:
        if isinstance(event, TextDelta):
            self._text.append(event.text)
        said.append(event)

    def _look_for_error(self, name: str, chunk: _Chunk, data: bytes) -> None:
        if chunk.error:
            raise self._reported(chunk.error)
        if name == "error" or chunk.detail or chunk.kind == "error":
            raise self._reported(chunk.detail or msgspec.json.decode(data))

    def _reported(self, error: object) -> UnifiedIntelligenceError:
        return error_in_answer(error, url=self._url, secrets=self._secrets)

    def _unreadable(self, data: bytes) -> ProtocolError:
        shown = visible(data.decode("utf-8", "replace"), LONGEST_EXCERPT, self._secrets)
        said = f"{self._url} sent what is no piece of an answer: {shown!r}."
        return ProtocolError(said, hint=LOOK_THERE, url=self._url, status=200, passing=not self.begun)


class _LeadingThought:
    """Takes a thought between tags off the beginning of a text. `over`: what follows is text as it stands."""

    def __init__(self) -> None:
        self.over = False
        self._held: list[TextDelta] = []  # may still become an opening tag
        self._splitter: TagSplitter | None = None
        self._newlines = ""  # of the thought, which before the closing tag belong to it
        self._after = False  # the newlines after the thought belong to its tag

    def is_elsewhere(self) -> None:
        """The server tells reasoning apart by itself."""
        self.over = not self._held and self._splitter is None

    def feed(self, delta: TextDelta) -> list[TextDelta | ReasoningDelta]:
        if self._splitter is not None or self._after:
            return self._split(delta.text, delta.logprobs)
        self._held.append(delta)
        beginning = "".join(held.text for held in self._held).lstrip()
        if beginning.startswith(_OPENING):
            self._splitter = TagSplitter(_THINK)
            self._held = []
            return self._split(beginning, ())
        return [] if _OPENING.startswith(beginning) else self.rest()

    def rest(self) -> list[TextDelta | ReasoningDelta]:
        """What is held, when it is decided that no more of a tag comes."""
        self.over = True
        held: list[TextDelta | ReasoningDelta] = [*self._held]
        if self._splitter is not None:
            held += [ReasoningDelta(self._newlines + piece.text) for piece in self._splitter.flush()]
        self._held, self._splitter, self._newlines = [], None, ""
        return held

    def _split(self, text: str, logprobs: tuple[TokenLogprob, ...]) -> list[TextDelta | ReasoningDelta]:
        """Goes from one `>` to the next, because what follows the closing tag must not be split again."""
        thought: list[str] = []
        position = 0
        while self._splitter is not None and position < len(text):
            end = text.find(">", position) + 1 or len(text)
            thought += [piece.text for piece in self._splitter.feed(text[position:end])]
            position = end
            if self._splitter.channel == "text":
                self._splitter, self._after = None, True
        told = self._newlines + "".join(thought)
        self._newlines = told[len(told.rstrip("\n")) :]
        told = told.rstrip("\n")
        said: list[TextDelta | ReasoningDelta] = [ReasoningDelta(told)] if told else []
        if spoken := text[position:].lstrip("\n"):
            self.over = True
            said.append(TextDelta(spoken, () if position else logprobs))
        return said


class _Calls:
    """Pieces of calls, each under the index of its call: servers leave the index out, or give it twice."""

    def __init__(self) -> None:
        self._ids: list[str] = []
        self._arguments: list[list[str]] = []
        self._at: dict[int, int] = {}

    def __bool__(self) -> bool:
        return bool(self._ids)

    def piece(self, call: _Call) -> ToolCallDelta:
        function = call.function or _Function()
        arguments = function.arguments or ""
        if not isinstance(arguments, str):
            arguments = msgspec.json.encode(arguments).decode()
        index, call_id = self._index(call, begins=bool(call.id or (call.index is None and function.name)))
        self._arguments[index].append(arguments)
        return ToolCallDelta(index, call_id, function.name or "", arguments)

    def check(self) -> None:
        """Raises MalformedToolCallError for arguments that are no JSON object; none at all are an empty one."""
        for pieces in self._arguments:
            check_call("".join(pieces))

    def _index(self, call: _Call, *, begins: bool) -> tuple[int, str]:
        """The call's index among ours and, with its first piece, its id."""
        given = call.index if call.index is not None else (len(self._ids) if begins else max(len(self._ids) - 1, 0))
        known = self._at.get(given)
        if known is not None and not (call.id and call.id != self._ids[known]):
            return known, ""
        self._at[given] = len(self._ids)
        self._ids.append(call.id or f"call_{len(self._ids)}")
        self._arguments.append([])
        return self._at[given], self._ids[-1]


def _logprobs(logprobs: _Logprobs) -> tuple[TokenLogprob, ...]:
    return tuple(_token(token) for token in logprobs.content or ())


def _token(token: _Token) -> TokenLogprob:
    others = tuple(_token(other) for other in token.top_logprobs or ())
    return TokenLogprob(token.token or "", -inf if token.logprob is None else token.logprob, others)


def _usage(usage: _Usage | None) -> Usage | None:
    if usage is None or usage.prompt_tokens is None:
        return None
    spent, read = usage.completion_tokens_details, usage.prompt_tokens_details
    return Usage(
        usage.prompt_tokens,
        usage.completion_tokens or 0,
        spent.reasoning_tokens if spent else None,
        read.cached_tokens if read else None,
    )
