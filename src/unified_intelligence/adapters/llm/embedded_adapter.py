"""The provider that answers on a fresh machine: the embedded model routes, a built-in tool computes, words fill in.

The model's own output, one function call, is the reasoning of the answer; the text is what the tool found. Only the
last question is read: there is no memory of earlier turns. Nothing is sampled, so temperature and seed change nothing.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Collection, Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Annotated, Literal

from unified_intelligence.embedded.functions import is_built_in
from unified_intelligence.embedded.router import Route, Router
from unified_intelligence.embedded.safetensors import DamagedFileError
from unified_intelligence.entities.errors import ContextLengthError, InvalidRequestError, ModelError
from unified_intelligence.entities.generation import (
    Event,
    Finished,
    FinishReason,
    GenerationConfig,
    Notice,
    ReasoningDelta,
    TextDelta,
    Timings,
    ToolCallDelta,
    Usage,
)
from unified_intelligence.entities.message import Message, MessageLike, read_messages
from unified_intelligence.interfaces.text_generator import InProcessTextGenerator
from unified_intelligence.interfaces.tokenizer import ITokenizer
from unified_intelligence.tools.answer import render
from unified_intelligence.tools.quantities import Language, detect_language
from unified_intelligence.tools.registry import BUILT_IN, Outcome, ToolError

if TYPE_CHECKING:
    from unified_intelligence.entities.tools import ToolCall, ToolSpec
    from unified_intelligence.tools.registry import Tool

LONGEST_QUESTION = 4000  # characters
_WORD = re.compile(r"(?<!\s)\s*+\S++(?:\s+$)?")  # with the blanks before it, the last one with those after it

_SENTENCES: dict[Language, dict[str, str]] = {
    "en": {
        "out_of_scope": "That is outside what the embedded model can answer (finance, arithmetic, units, dates, a "
        "glossary, this program): see `uic providers` for a larger model.",
        "no_tool": "None of the given tools fits this question.",
        "missing": "To answer with {tool} I need: {missing}.",
        "understood": "Understood: {understood}.",
    },
    "fr": {
        "out_of_scope": "C'est hors de ce que le modèle embarqué sait traiter (finance, calcul, unités, dates, "
        "glossaire, ce programme) : voir `uic providers` pour un plus grand modèle.",
        "no_tool": "Aucun des outils donnés ne convient à cette question.",
        "missing": "Pour répondre avec {tool}, il me faut : {missing}.",
        "understood": "Compris : {understood}.",
    },
}


@dataclass(frozen=True, slots=True)
class _Answer:
    """All of an answer before it is streamed; `calls` are for the caller to run."""

    reasoning: str = ""
    text: str = ""
    calls: tuple[ToolCallDelta, ...] = ()
    prompt_tokens: int = 0


class EmbeddedAdapter(InProcessTextGenerator, ITokenizer):
    """Answers in English and French what its built-in tools compute; calls one of `config.tools` when given any.

    A token, for `max_tokens` and for usage, is one of the model's own, also in the text that a template words.
    """

    honoured = frozenset({"max_tokens", "temperature", "top_p", "top_k", "min_p", "seed", "tools"})

    def __init__(
        self,
        *,
        language: Annotated[Literal["auto", "en", "fr"], "of the answers; auto: that of the question"] = "auto",
    ) -> None:
        self._language: Language | None = None if language == "auto" else language

    def stream(
        self, messages: str | Sequence[MessageLike], config: GenerationConfig | None = None
    ) -> Generator[Event, None, None]:
        started = time.perf_counter()
        config = config or GenerationConfig()
        answer = self._answer(read_messages(messages), config.tools)
        first = time.perf_counter() - started
        written = reasoned = 0
        finish: FinishReason = "tool_calls" if answer.calls else "stop"
        room = config.max_tokens
        for event in _events(answer):
            part = event if room is None or written + _length(event) <= room else _beginning(event, room - written)
            if part is not None:
                written += _length(part)
                reasoned += _length(part) if isinstance(part, ReasoningDelta) else 0
                yield part
            if part is not event:
                finish = "length"
                break
        usage = Usage(answer.prompt_tokens, written, reasoned)
        yield Finished(finish, usage, Timings(first, time.perf_counter() - started))

    async def aload(self) -> None:
        """Reads the weights, a second's work at most, beside the event loop."""
        import asyncio

        await asyncio.to_thread(_router)

    def encode(self, text: str) -> list[int]:
        return _router().tokens.encode(text)

    def decode(self, tokens: Sequence[int]) -> str:
        known = _router().tokens
        if (unknown := known.unknown(tokens)) is not None:
            raise InvalidRequestError(f"{unknown} is no token of the embedded model.", provider="embedded")
        return known.decode(tokens)

    def encode_conversation(
        self, messages: str | Sequence[MessageLike], config: GenerationConfig | None = None
    ) -> list[int]:
        """The last question and the tools it may call; nothing where the results of tools are only put in words."""
        turns, tools = read_messages(messages), config.tools if config else ()
        if turns[-1].role == "tool":
            return []
        return self.encode(_router().prompt(_question(turns), () if all(map(is_built_in, tools)) else tools))

    @property
    def longest_context(self) -> int:
        return _router().model.shape.longest

    def _answer(self, turns: Sequence[Message], tools: Sequence[ToolSpec]) -> _Answer:
        if turns[-1].role == "tool":
            return self._told(turns)
        question = _question(turns)
        if not tools:
            return self._answer_built_in(_router().route(question))
        own = all(map(is_built_in, tools))
        route = _router().route(question) if own else _router().route_among(question, tools)
        made = sum(len(turn.tool_calls) for turn in turns)
        return self._call(route, {tool.name for tool in tools}, f"call_{made}")

    def _answer_built_in(self, route: Route) -> _Answer:
        language = self._language or route.reading.language
        if route.call is None:
            return _Answer(text=_SENTENCES[language]["out_of_scope"], prompt_tokens=route.prompt_tokens)
        tool, arguments = BUILT_IN[route.call.function.name], route.call.arguments
        shown = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
        if route.call.missing:
            text = _asked_back(tool, route, language)
        else:
            try:
                text = render(tool, tool.bind(arguments), tool.run(arguments), language, currency=_currency(route))
            except ToolError as error:
                text = f"{error}\n\n{_SENTENCES[language]['understood'].format(understood=shown)}"
        return _Answer(f"{tool.name}({shown})", text, (), route.prompt_tokens)

    def _call(self, route: Route, allowed: Collection[str], call_id: str) -> _Answer:
        language = self._language or route.reading.language
        call = route.call
        if call is None or call.function.name not in allowed:
            return _Answer(text=_SENTENCES[language]["no_tool"], prompt_tokens=route.prompt_tokens)
        if call.missing:
            text = _SENTENCES[language]["missing"].format(tool=call.function.name, missing=", ".join(call.missing))
            return _Answer(text=text, prompt_tokens=route.prompt_tokens)
        arguments = json.dumps(call.arguments, ensure_ascii=False)
        delta = ToolCallDelta(0, call_id, call.function.name, arguments)
        return _Answer(calls=(delta,), prompt_tokens=route.prompt_tokens)

    def _told(self, turns: Sequence[Message]) -> _Answer:
        """The results of tools in words: a built-in's by its template, any other's as they came."""
        calls = {call.id: call for turn in turns for call in turn.tool_calls}
        asked = next((turn.content for turn in reversed(turns) if turn.role == "user"), "")
        language = self._language or detect_language(asked)
        last = next((index for index in range(len(turns), 0, -1) if turns[index - 1].role != "tool"), 0)
        return _Answer(text="\n\n".join(_worded(turn, calls.get(turn.tool_call_id), language) for turn in turns[last:]))


def _question(turns: Sequence[Message]) -> str:
    question = turns[-1].content
    if len(question) > LONGEST_QUESTION:
        raise ContextLengthError(len(question), LONGEST_QUESTION, unit="characters", provider="embedded")
    return question


def _events(answer: _Answer) -> Iterator[Event]:
    yield from (ReasoningDelta(word) for word in _WORD.findall(answer.reasoning))
    yield from (TextDelta(word) for word in _WORD.findall(answer.text))
    yield from answer.calls


def _length(event: Event) -> int:
    """The length of what an event says, in the model's own tokens."""
    count = _router().tokens.encode
    match event:
        case TextDelta() | ReasoningDelta():
            return len(count(event.text))
        case ToolCallDelta():
            return len(count(event.name + event.arguments))
        case Finished() | Notice():
            return 0


def _beginning(event: Event, room: int) -> Event | None:
    """As much of a word as has room; half a call is of no use."""
    if not isinstance(event, TextDelta | ReasoningDelta):
        return None
    shorter = (replace(event, text=event.text[:end]) for end in range(len(event.text) - 1, 0, -1))
    return next((part for part in shorter if _length(part) <= room), None)


def _asked_back(tool: Tool, route: Route, language: Language) -> str:
    assert route.call is not None
    missing = ", ".join(name.replace("_", " ") for name in route.call.missing)
    return _SENTENCES[language]["missing"].format(tool=tool.name, missing=missing)


def _worded(turn: Message, call: ToolCall | None, language: Language) -> str:
    if not (call and call.name in BUILT_IN):
        return turn.content
    try:
        told, arguments = json.loads(turn.content), json.loads(call.arguments)
        if "error" in told:
            return str(told["error"])
        tool = BUILT_IN[call.name]
        outcome = Outcome(told, told.pop("formula", ""), tuple(told.pop("notes", ())))
        return render(tool, tool.bind(arguments), outcome, language)
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError):  # a tool of the user's own of that name
        return turn.content


def _currency(route: Route) -> str | None:
    """The currency of the amounts in the question, where they all have the same."""
    units = {quantity.unit for quantity in route.reading.quantities if quantity.kind == "number" and quantity.unit}
    return units.pop() if len(units) == 1 else None


@cache
def _router() -> Router:
    try:
        return Router()
    except FileNotFoundError as error:
        raise ModelError(
            f"The embedded model's file {error.filename} is missing.",
            hint="Reinstall the package: pip install --force-reinstall unified-intelligence-cli",
            provider="embedded",
        ) from error
    except DamagedFileError as error:
        raise ModelError(str(error), hint="Reinstall the package.", provider="embedded") from error
