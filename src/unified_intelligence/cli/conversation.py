"""One question to one provider: the answer, and what to say about its end."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import cast

from unified_intelligence.cli.answers import Answer, Style, answer_for
from unified_intelligence.cli.flags import Given
from unified_intelligence.cli.output import Output
from unified_intelligence.cli.provider_options import choose
from unified_intelligence.cli.question import read_question
from unified_intelligence.config.resolve import Settings
from unified_intelligence.entities.errors import StreamInterruptedError, UnifiedIntelligenceError, UnknownNameError
from unified_intelligence.entities.generation import GenerationConfig
from unified_intelligence.entities.message import Message
from unified_intelligence.factories.configured import Chosen, blame
from unified_intelligence.interfaces.text_generator import ITextGenerator

INCOMPLETE = 8


def answer_question(
    output: Output,
    settings: Settings,
    given: Given,
    prompt: Sequence[str],
    query: str | None,
) -> int:
    """Everything between the settings and the exit code. Raises what the providers and the settings raise."""
    chosen = settings.get("format", str)
    output.machine = chosen if chosen in {"json", "jsonl"} else ""
    question = read_question(prompt, query, output)
    try:
        return _ask(question, settings, choose(settings, given, output), output)
    except UnknownNameError as error:
        if error.name in cast("list[str]", settings.get("tools", list)):
            blame(error, error.name, settings.values["tools"])
        raise


def _ask(question: str, settings: Settings, chosen: Chosen, output: Output) -> int:
    model = chosen.options.get("model")
    style = Style(
        format=_format(settings, output),
        think=settings.get("think", str),
        stream=settings.get("stream", bool),
        provider=chosen.name,
        model=None if model is None else str(model.value),
    )
    answer = answer_for(output, style)
    try:
        _converse(chosen.generator, question, settings, answer)
    except UnifiedIntelligenceError as error:
        error.provider = error.provider or chosen.name
        raise
    finally:
        chosen.generator.close()
    return _verdict(answer, settings, output)


def _format(settings: Settings, output: Output) -> str:
    chosen = settings.get("format", str)
    if chosen != "auto":
        return chosen
    return "markdown" if output.stdout_is_terminal and not output.environment.dumb else "text"


def _converse(generator: ITextGenerator, question: str, settings: Settings, answer: Answer) -> None:
    system = settings.maybe("system", str)
    messages = [*([Message("system", system)] if system else []), Message("user", question)]
    config = GenerationConfig(
        max_tokens=settings.maybe("max_tokens", int),
        temperature=settings.maybe("temperature", float),
        top_p=settings.maybe("top_p", float),
        seed=settings.maybe("seed", int),
        thinking=settings.maybe("thinking", bool),
    )
    groups = cast("list[str]", settings.get("tools", list))
    if groups:
        from unified_intelligence.tools.loop import run_with_tools, tools_named

        events = run_with_tools(generator, messages, tools_named(groups), config, on_result=answer.called)
    else:
        events = generator.stream(messages, config)
    try:
        for event in events:
            answer.add(event)
        answer.collected.generation()
    except StreamInterruptedError as error:
        error.partial = error.partial or "".join(answer.collected.text)
        raise
    finally:
        if isinstance(events, Generator):
            events.close()
        answer.end()


def _verdict(answer: Answer, settings: Settings, output: Output) -> int:
    reason = answer.collected.generation().finish_reason
    if reason not in {"length", "content_filter"}:
        return 0
    limit = settings.maybe("max_tokens", int)
    at = f" of {limit} tokens (--max-tokens)" if limit else " of tokens"
    output.warn(
        f"The answer stopped at its limit{at}." if reason == "length" else "The provider's filter cut the answer."
    )
    return INCOMPLETE if settings.get("strict", bool) else 0
