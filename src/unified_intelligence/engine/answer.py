"""Tokens become events: text, reasoning, tool calls; a stop sequence ends the text before it."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from unified_intelligence.engine.logprobs import LogprobsOfText
from unified_intelligence.engine.sampling import Chosen
from unified_intelligence.engine.text import TextOfTokens
from unified_intelligence.entities.generation import Event, FinishReason, ReasoningDelta, ToolCallDelta
from unified_intelligence.entities.reasoning import Channel, Piece, Tags, TagSplitter
from unified_intelligence.entities.stop_sequences import StopSequences
from unified_intelligence.profiles.qwen3 import parse_tool_call


@dataclass(frozen=True, slots=True)
class Rules:
    """How an answer is read: the tags in it, the channel it begins in, and what ends its text.

    `stop` ends it, but not within the first `least` tokens. `calls_before` are the conversation's: a call's id is its
    number in it. `special` are the tokens that have a name and no text. `exact`: a grammar holds the answer.
    """

    tags: Tags
    begins: Channel = "text"
    stop: Sequence[str] = ()
    least: int = 0
    calls_before: int = 0
    special: Mapping[int, str] = field(default_factory=dict[int, str])
    exact: bool = False

    def splitter(self) -> TagSplitter:
        """The splitter at the beginning of an answer: everybody who reads the answer has to split it alike."""
        return TagSplitter(self.tags, self.begins, exact=self.exact)


class Reader:
    """Reads one answer. `reasoning_tokens` are those between the tags, the tags not among them."""

    def __init__(self, text: TextOfTokens, rules: Rules) -> None:
        self._text, self._rules = text, rules
        self._splitter, self._stop = rules.splitter(), StopSequences(rules.stop)
        self._logprobs = LogprobsOfText(rules.special)
        self._call: list[str] = []
        self._calls = 0
        self.tokens = self.reasoning_tokens = 0
        self.finish_reason: FinishReason = "stop"

    def read(self, tokens: Generator[Chosen, None, bool]) -> Iterator[Event]:
        """The events of an answer, each as soon as it is decided. Raises MalformedToolCallError."""
        complete = False
        while not self.over:
            try:
                chosen = next(tokens)
            except StopIteration as end:
                complete = end.value
                break
            yield from self.add(chosen)
        yield from self.end(complete=complete)

    @property
    def over(self) -> bool:
        """A stop sequence was met: nothing that follows belongs to the answer."""
        return self._stop.met

    def add(self, chosen: Chosen) -> Iterator[Event]:
        """What the next token decides."""
        before, pieces = self._splitter.channel, list[Piece]()
        if chosen.forced:  # a character this cut off will not be finished
            pieces += self._splitter.feed(self._text.rest())
        logprob, start = self._logprobs.spell(chosen, self._text), self._text.length
        added = self._text.add(chosen.token)
        self._logprobs.read(logprob, start, self._text.length)
        pieces += self._splitter.feed(added)
        self.tokens += 1
        self.reasoning_tokens += before == self._splitter.channel == "reasoning"
        return self._events(pieces)

    def end(self, *, complete: bool) -> Iterator[Event]:
        """What was held back. Raises MalformedToolCallError.

        Of an answer that was cut off, half a tag and half a call are dropped; a complete one means what it says.
        """
        pieces = self._splitter.feed(self._text.rest())
        yield from self._events([*pieces, *self._splitter.flush()] if complete else pieces)
        if not self._stop.met and (held := self._stop.flush()):
            yield self._logprobs.delta(held)
        if complete and self._call:
            yield self._read_call()
        if not complete and not self._stop.met:
            self.finish_reason = "length"
        elif self._calls:
            self.finish_reason = "tool_calls"

    def _events(self, pieces: Sequence[Piece]) -> Iterator[Event]:
        for piece in pieces:
            if self._stop.met:
                return
            if piece.channel == "text":
                self._logprobs.show(piece.start, len(piece.text))
                if text := self._searched(piece.text):
                    yield self._logprobs.delta(text)
                continue
            if held := self._stop.flush():
                yield self._logprobs.delta(held)
            if piece.channel == "tool_call":
                self._call.append(piece.text)
                if piece.closed:
                    yield self._read_call()
            elif piece.text:
                yield ReasoningDelta(piece.text)

    def _searched(self, text: str) -> str:
        """What a stop sequence leaves of it, or keeps back."""
        return text if self.tokens <= self._rules.least else self._stop.feed(text)

    def _read_call(self) -> ToolCallDelta:
        call = parse_tool_call("".join(self._call), f"call_{self._rules.calls_before + self._calls}")
        delta = ToolCallDelta(self._calls, call.id, call.name, call.arguments)
        self._call = []
        self._calls += 1
        return delta
