"""An answer that is checked before it goes out, and asked for again, a bounded number of times, where it is wrong.

What was wrong is told to the model in the system's turn: the question stays the last thing it reads, and chat templates
that want users and assistants to take turns are content.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from unified_intelligence.entities.errors import AnswerInvalidError, AnswerRefusedError, MalformedToolCallError
from unified_intelligence.entities.generation import (
    Collector,
    Event,
    Finished,
    Generation,
    Notice,
    ReasoningDelta,
    TextDelta,
    Timings,
    TokenLogprob,
    ToolCallDelta,
    Usage,
)
from unified_intelligence.entities.message import Message
from unified_intelligence.serving.json_answer import bare_json
from unified_intelligence.serving.stopping import closing

if TYPE_CHECKING:
    from unified_intelligence.serving.plan import Plan

MOST_REPAIRS = 2
LONGEST_ANSWER = 1_000_000  # characters
_LONGEST_QUOTE = 2000  # characters of a wrong answer that are shown to the model again

Ask = Callable[[Sequence[Message]], AsyncIterator[Event]]


async def repaired(ask: Ask, messages: Sequence[Message], plan: Plan) -> AsyncGenerator[Event]:
    """The events of an answer that is as it was asked for. Raises AnswerInvalidError with the last answer,
    AnswerRefusedError where the provider's filter ended it.
    """
    started, first = time.perf_counter(), 0.0
    turns = with_system(messages, plan.instruction)
    usages: list[Usage | None] = []
    said = False
    if plan.checks_all:
        yield Notice("The answer is checked before it is sent.")
    while True:
        attempt = _Attempt(plan, silent=said)
        async with closing(ask(turns)) as events:
            async for event in attempt.read(events):
                if not isinstance(event, Notice):
                    first = first or time.perf_counter() - started
                yield event
        said = said or attempt.said
        usages.append(attempt.usage)
        fault = await asyncio.to_thread(attempt.fault)
        if not fault:
            for event in attempt.kept():
                yield event
            total = time.perf_counter() - started
            yield Finished(attempt.answer().finish_reason, added(usages), Timings(first or total, total))
            return
        if len(usages) > MOST_REPAIRS or attempt.cut:
            raise AnswerInvalidError(
                f"The answer is not as it was asked for: {fault}.",
                answer=attempt.written,
                hint="Allow more max_tokens." if attempt.cut else "Ask more simply, or use a larger model.",
            )
        yield Notice("The answer was not as it was asked for; asking again.")
        turns = with_system(messages, f"{plan.instruction}\n\n{_complaint(attempt.written, fault)}".strip())


def with_system(messages: Sequence[Message], text: str) -> tuple[Message, ...]:
    """The conversation with a text added to the system's first turn: many templates allow no second one."""
    if not text:
        return tuple(messages)
    if messages and messages[0].role == "system":
        return (replace(messages[0], content=f"{messages[0].content}\n\n{text}"), *messages[1:])
    return (Message("system", text), *messages)


def added(usages: Sequence[Usage | None]) -> Usage | None:
    """What all attempts cost together; unknown where one of them is."""
    known = [usage for usage in usages if usage is not None]
    if len(known) < len(usages):
        return None
    return Usage(
        sum(usage.prompt_tokens for usage in known),
        sum(usage.completion_tokens for usage in known),
        _sum([usage.reasoning_tokens for usage in known]),
        _sum([usage.cached_tokens for usage in known]),
    )


def _sum(counts: Sequence[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if len(known) == len(counts) else None


def _complaint(written: str, fault: str) -> str:
    quoted = written if len(written) <= _LONGEST_QUOTE else f"{written[:_LONGEST_QUOTE]}…"
    return f"Your last answer was wrong: {fault}. It was:\n{quoted}\nAnswer the question again, without that mistake."


class _Attempt:
    """One answer. Where only its calls are checked, what comes before the first of them goes out as it is made.

    `silent`: an earlier attempt has put text out, so this one may only bring the calls.
    """

    def __init__(self, plan: Plan, *, silent: bool) -> None:
        self._plan, self._silent = plan, silent
        self._keeps = plan.checks_all
        self._all, self._kept = Collector(), Collector()
        self._length = 0
        self._unreadable = ""

    async def read(self, events: AsyncIterator[Event]) -> AsyncGenerator[Event]:
        """What may go out before the answer was checked. Raises AnswerInvalidError for one too long to be held."""
        try:
            async for event in events:
                if isinstance(event, Notice) or self._passes(event):
                    yield event
        except MalformedToolCallError as error:
            if self._plan.calls is None:
                raise
            self._unreadable = error.written

    @property
    def said(self) -> bool:
        """Whether text went out that cannot be taken back."""
        return "".join(self._all.text).strip() != "" and not self._keeps and not self._silent

    @property
    def usage(self) -> Usage | None:
        return self._all.finished.usage if self._all.finished else None

    @property
    def cut(self) -> bool:
        """Whether the answer ran into its limit: another one would too."""
        return self._all.finished is not None and self._all.finished.finish_reason == "length"

    @property
    def written(self) -> str:
        """The answer as the model may be shown it."""
        calls = (f"{call.name}({call.arguments})" for _, call in sorted(self._all.calls.items()))
        return "\n".join(part for part in ("".join(self._all.text), *calls, self._unreadable) if part)

    def answer(self) -> Generation:
        """Raises StreamInterruptedError."""
        answer = self._all.generation()
        return replace(answer, text=bare_json(answer.text)) if self._plan.json else answer

    def fault(self) -> str:
        """What is wrong, empty if nothing is. Raises AnswerRefusedError, StreamInterruptedError."""
        if self._unreadable:
            return "the call cannot be read"
        answer = self.answer()
        fault = self._plan.fault(answer)
        if fault and answer.finish_reason == "content_filter":
            raise AnswerRefusedError("The provider's filter ended the answer.", hint="Ask in other words.")
        if self._silent and not answer.tool_calls:
            return fault or "the function was not called again"
        if fault and self.cut:
            return f"{fault}; it was cut at its most tokens"
        return fault

    def kept(self) -> Iterator[Event]:
        """What has not gone out yet."""
        raw = "".join(self._kept.text)
        text = bare_json(raw) if self._plan.json and not self._all.calls else raw
        if self._kept.reasoning:
            yield ReasoningDelta("".join(self._kept.reasoning))
        if text and not self._silent:
            yield TextDelta(text, _those_of(self._kept.logprobs, raw, text))
        for index, (_, call) in enumerate(sorted(self._kept.calls.items())):
            yield ToolCallDelta(index, call.id, call.name, call.arguments)

    def _passes(self, event: Event) -> bool:
        self._all.add(event)
        if isinstance(event, Finished):
            return False
        if not (self._keeps or self._all.calls):
            return not (self._silent and isinstance(event, TextDelta))
        self._kept.add(event)
        self._length += len(event.arguments if isinstance(event, ToolCallDelta) else _text(event))
        if self._length > LONGEST_ANSWER:
            raise AnswerInvalidError(f"The answer has more than {LONGEST_ANSWER} characters, too many to be checked.")
        return False


def _text(event: Event) -> str:
    return event.text if isinstance(event, TextDelta | ReasoningDelta) else ""


def _those_of(logprobs: Sequence[TokenLogprob], raw: str, text: str) -> tuple[TokenLogprob, ...]:
    """The probabilities of the tokens that a part of the text is made of; all of them where tokens do not add up."""
    if "".join(own.token for own in logprobs) != raw:
        return tuple(logprobs)
    begin = raw.index(text)
    end, position = begin + len(text), 0
    inside: list[TokenLogprob] = []
    for own in logprobs:
        if position < end and position + len(own.token) > begin:
            inside.append(own)
        position += len(own.token)
    return tuple(inside)
