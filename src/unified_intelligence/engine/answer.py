"""Tokens become events: text, reasoning, tool calls; a stop sequence ends the text before it."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence

from unified_intelligence.engine.decode import TextOfTokens
from unified_intelligence.entities.generation import Event, FinishReason, ReasoningDelta, TextDelta, ToolCallDelta
from unified_intelligence.entities.reasoning import Piece, TagSplitter
from unified_intelligence.entities.stop_sequences import StopSequences
from unified_intelligence.profiles.qwen3 import parse_tool_call


class Reader:
    """Reads one answer. `calls_before` are the conversation's: a call's id is its number in it."""

    def __init__(self, text: TextOfTokens, splitter: TagSplitter, stop: StopSequences, calls_before: int) -> None:
        self._text, self._splitter, self._stop = text, splitter, stop
        self._call: list[str] = []
        self._calls, self._calls_before = 0, calls_before
        self.tokens = self.reasoning_tokens = 0
        self.finish_reason: FinishReason = "stop"

    def read(self, tokens: Generator[int, None, bool]) -> Iterator[Event]:
        """The events of an answer, each as soon as it is decided. Raises MalformedToolCallError."""
        complete = False
        while not self._stop.met:
            try:
                token = next(tokens)
            except StopIteration as end:
                complete = end.value
                break
            yield from self._add(token)
        yield from self._end(complete=complete)
        if not complete and not self._stop.met:
            self.finish_reason = "length"
        elif self._calls:
            self.finish_reason = "tool_calls"

    def _add(self, token: int) -> Iterator[Event]:
        before = self._splitter.channel
        pieces = self._splitter.feed(self._text.add(token))
        self.tokens += 1
        self.reasoning_tokens += "reasoning" in {before, self._splitter.channel}  # the tags included
        return self._events(pieces)

    def _end(self, *, complete: bool) -> Iterator[Event]:
        """What was held back.

        Of an answer that was cut off, half a tag and half a call are dropped; a complete one means what it says.
        """
        pieces = self._splitter.feed(self._text.rest())
        yield from self._events([*pieces, *self._splitter.flush()] if complete else pieces)
        if not self._stop.met and (held := self._stop.flush()):
            yield TextDelta(held)
        if complete and self._call:
            yield self._read_call()

    def _events(self, pieces: Sequence[Piece]) -> Iterator[Event]:
        for piece in pieces:
            if self._stop.met:
                return
            if piece.channel == "text":
                if text := self._stop.feed(piece.text):
                    yield TextDelta(text)
                continue
            if held := self._stop.flush():
                yield TextDelta(held)
            if piece.channel == "tool_call":
                self._call.append(piece.text)
                if piece.closed:
                    yield self._read_call()
            elif piece.text:
                yield ReasoningDelta(piece.text)

    def _read_call(self) -> ToolCallDelta:
        call = parse_tool_call("".join(self._call), f"call_{self._calls_before + self._calls}")
        delta = ToolCallDelta(self._calls, call.id, call.name, call.arguments)
        self._call = []
        self._calls += 1
        return delta
