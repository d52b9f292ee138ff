"""Answers of a Gradio app, as server-sent events, read into our events. Nothing is sent or awaited here.

Gradio names an event `generating` for each thing a function yields, `complete` for the last one over again, `error`,
or `heartbeat`; names nobody knows are passed over. What is in them is the function's own:

| endpoint | yields |
| --- | --- |
| /generate | one typed event: delta, reasoning, tool_call, notice, end, error |
| /respond | the whole conversation so far, of which what is new is told |
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Generic, TypeVar, cast, get_args

import msgspec

from unified_intelligence.adapters.wire.answer_so_far import AnswerSoFar, check_call
from unified_intelligence.adapters.wire.failures import LONGEST_EXCERPT, UNREADABLE, visible
from unified_intelligence.adapters.wire.gradio_conversation import Said, last_answer
from unified_intelligence.adapters.wire.gradio_failures import (
    Place,
    Reported,
    gradio_error,
    no_such_answer,
    reported_error,
)
from unified_intelligence.adapters.wire.sse import ServerSentEvent
from unified_intelligence.entities.errors import ProtocolError
from unified_intelligence.entities.generation import (
    Event,
    Finished,
    FinishReason,
    Notice,
    ReasoningDelta,
    TextDelta,
    Timings,
    TokenLogprob,
    ToolCallDelta,
    Usage,
)

LONGEST_NOTICE = 200


T = TypeVar("T")


class ReplyOfSpace(AnswerSoFar, ABC, Generic[T]):
    """Reads what one call gives. `url` is who gives it; `secrets` are never shown when a Space quotes them."""

    def __init__(
        self, url: str = "", secrets: Iterable[str] = (), *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        super().__init__()
        self.begun = False  # something of an answer came
        self.complete = False  # what came is a whole answer
        self.done = False  # nothing that follows counts
        self.works = False  # what was read last says that somebody works, whatever it holds
        self._url, self._secrets, self._clock = url, tuple(secrets), clock

    def read(self, events: Iterable[ServerSentEvent]) -> list[T]:
        """What the app's events say. Raises the error that one of them is, ProtocolError for no JSON."""
        said: list[T] = []
        self.works = False
        for name, data in events:
            if self.done:
                break
            if name in {"generating", "complete"}:
                last = name == "complete"
                if not self.complete and data.strip() != b"null":
                    self._take(data, said, last=last)
                self.done = last
            elif name == "error" and not self.complete:
                raise gradio_error(data, self._place())
        return said

    def last_words(self) -> None:
        """Raises ProtocolError if there was no answer, StreamInterruptedError if it did not come to its end."""
        if self.complete:
            return
        if not self.begun:
            raise no_such_answer(self._url, "gave an empty answer.")
        raise self.interrupted("The answer stopped before its end.")

    @abstractmethod
    def _take(self, data: bytes, said: list[T], *, last: bool) -> None:
        """What one event holds. Raises ProtocolError."""

    def _place(self) -> Place:
        return Place(self._url, self._clock(), self._secrets)

    def _unreadable(self, data: bytes) -> ProtocolError:
        shown = visible(data.decode("utf-8", "replace"), LONGEST_EXCERPT, self._secrets)
        error = no_such_answer(self._url, f"sent what is no piece of an answer: {shown!r}.")
        error.passing = not self.begun
        return error


class AnswerOfSpace(ReplyOfSpace[Event]):
    """Reads one answer."""

    @abstractmethod
    def finished(self, timings: Timings) -> Finished:
        """The end of a complete answer."""


class _Token(msgspec.Struct, gc=False):
    token: str
    logprob: float
    alternatives: list[_Token] = msgspec.field(default_factory=list["_Token"])


class UsageOfSpace(msgspec.Struct, gc=False):
    prompt_tokens: int
    completion_tokens: int
    reasoning_tokens: int | None = None
    cached_tokens: int | None = None

    def read(self) -> Usage:
        return Usage(self.prompt_tokens, self.completion_tokens, self.reasoning_tokens, self.cached_tokens)


class _Typed(Reported, gc=False):
    """All fields of all kinds of events; null is as good as absent."""

    type: str = ""
    text: str | None = None
    logprobs: list[_Token] | None = None
    index: int | None = None
    id: str | None = None
    name: str | None = None
    arguments: str | None = None
    finish_reason: str | None = None
    usage: UsageOfSpace | None = None


_decode = msgspec.json.Decoder(list[_Typed], strict=False).decode


class TypedAnswer(AnswerOfSpace):
    """The answer of /generate."""

    def __init__(
        self, url: str = "", secrets: Iterable[str] = (), *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        super().__init__(url, secrets, clock=clock)
        self._end: Finished | None = None
        self._arguments: dict[int, str] = {}

    def finished(self, timings: Timings) -> Finished:
        end = self._end or Finished("stop")
        return Finished(end.finish_reason, end.usage, timings)

    def last_words(self) -> None:
        """Raises MalformedToolCallError too, for a call that nobody can read."""
        super().last_words()
        if self._end is not None and self._end.finish_reason != "length":
            for written in self._arguments.values():
                check_call(written)

    def _take(self, data: bytes, said: list[Event], *, last: bool) -> None:
        try:
            events = _decode(data)
        except UNREADABLE as error:
            raise self._unreadable(data) from error
        for event in events[:1]:
            if not event.type:
                raise self._unreadable(data)
            if last and self.begun and event.type not in {"end", "error"}:
                continue  # the last thing that was yielded, over again
            self._say(event, said)

    def _say(self, event: _Typed, said: list[Event]) -> None:
        match event.type:
            case "delta" if event.text:
                self.begun = True
                self._text.append(event.text)
                said.append(TextDelta(event.text, tuple(map(_logprob, event.logprobs or ()))))
            case "reasoning" if event.text:
                self.begun = True
                said.append(ReasoningDelta(event.text))
            case "tool_call":
                self.begun = True
                index, written = event.index or 0, event.arguments or ""
                self._arguments[index] = self._arguments.get(index, "") + written
                said.append(ToolCallDelta(index, event.id or "", event.name or "", written))
            case "notice" if event.text:
                said.append(Notice(visible(event.text, LONGEST_NOTICE, self._secrets)))
            case "end":
                self._ended(event)
            case "error":
                raise reported_error(event, self._place())
            case _:
                pass

    def _ended(self, event: _Typed) -> None:
        if event.finish_reason not in get_args(FinishReason):
            shown = visible(str(event.finish_reason), 40, self._secrets)
            raise self.interrupted(
                f"{self._url} ended the answer with the reason {shown!r}, which is not a whole one's."
            )
        self.complete = True
        self._end = Finished(cast("FinishReason", event.finish_reason), event.usage and event.usage.read())


class GrowingAnswer(AnswerOfSpace):
    """The answer of /respond: text that comes whole or grows. Why it ended is not told, nor how many tokens it has."""

    def __init__(
        self, url: str = "", secrets: Iterable[str] = (), *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        super().__init__(url, secrets, clock=clock)
        self._known = Said("", "")

    def finished(self, timings: Timings) -> Finished:
        return Finished("stop", None, timings)

    def _take(self, data: bytes, said: list[Event], *, last: bool) -> None:
        try:
            outputs: object = msgspec.json.decode(data)
        except UNREADABLE as error:
            raise self._unreadable(data) from error
        found = last_answer(cast("Sequence[object]", outputs)) if isinstance(outputs, list) else None
        if found is not None:
            reasoning = self._grown(self._known.reasoning, found.reasoning)
            text = self._grown(self._known.text, found.text)
            if reasoning:
                said.append(ReasoningDelta(reasoning))
            if text:
                self._text.append(text)
                said.append(TextDelta(text))
            self.begun = self.begun or bool(reasoning or text)
            self._known = Said(self._known.reasoning + reasoning, self._known.text + text)
        self.complete = last and self.begun

    def _grown(self, known: str, found: str) -> str:
        """What is new. Raises StreamInterruptedError where other words stand in place of what was told.

        Gradio takes common indentation and blanks at the ends away from what a chatbot shows, each time anew: blanks
        that were told may change with a later line, and only the words are compared then.
        """
        if found.startswith(known):
            return found[len(known) :]
        told = "".join(known.split())
        position = 0
        for character in told:
            while position < len(found) and found[position].isspace():
                position += 1
            if found[position : position + 1] != character:
                raise self.interrupted(f"{self._url} took back what it had said.")
            position += 1
        blanks = known[len(known.rstrip()) :]
        return found[position:].removeprefix(blanks) if found[position:].strip() else ""


def _logprob(token: _Token) -> TokenLogprob:
    return TokenLogprob(token.token, token.logprob, tuple(map(_logprob, token.alternatives)))
