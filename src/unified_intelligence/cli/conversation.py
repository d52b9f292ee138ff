"""One question to one provider: the settings, the provider's options, the answer, and what to say about its end."""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping, Sequence
from typing import cast

from unified_intelligence.cli.answers import Answer, Style, answer_for
from unified_intelligence.cli.output import Output
from unified_intelligence.cli.question import read_question
from unified_intelligence.config.resolve import Resolved, Settings, resolve
from unified_intelligence.entities.errors import (
    ConfigurationError,
    InvalidRequestError,
    StreamInterruptedError,
    UnknownNameError,
)
from unified_intelligence.entities.generation import GenerationConfig
from unified_intelligence.entities.message import Message
from unified_intelligence.factories.provider_factory import ProviderFactory
from unified_intelligence.interfaces.text_generator import ITextGenerator

INCOMPLETE = 8


def answer_question(
    output: Output,
    flags: Mapping[str, str | bool | list[str] | None],
    given: Sequence[tuple[str, str]],
    prompt: Sequence[str],
    query: str | None,
    config: str,
) -> int:
    """Everything between the arguments and the exit code. Raises what the providers and the settings raise."""
    settings = resolve(flags, output.environment, config)
    chosen = settings.get("format", str)
    output.machine = chosen if chosen in {"json", "jsonl"} else ""
    question = read_question(prompt, query, output)
    try:
        return _ask(question, settings, dict(given), output)
    except UnknownNameError as error:
        if error.name == settings.get("provider", str):
            _blame(error, error.name, settings.values["provider"])
        if error.name in cast("list[str]", settings.get("tools", list)):
            _blame(error, error.name, settings.values["tools"])
        raise


def _ask(question: str, settings: Settings, given: Mapping[str, str], output: Output) -> int:
    name = settings.get("provider", str)
    factory = ProviderFactory()
    options = _options(factory, settings, name, given, output)
    generator = _create(factory, name, options)
    model = options.get("model")
    style = Style(
        format=_format(settings, output),
        think=settings.get("think", str),
        stream=settings.get("stream", bool),
        provider=name,
        model=None if model is None else str(model.value),
    )
    answer = answer_for(output, style)
    try:
        _converse(generator, question, settings, answer)
    finally:
        generator.close()
    return _verdict(answer, settings, output)


def _options(
    factory: ProviderFactory, settings: Settings, name: str, given: Mapping[str, str], output: Output
) -> dict[str, Resolved]:
    """The provider's options from the files and the flags. A general `model` counts where there is one to choose."""
    options = settings.provider_options(name)
    model = settings.values["model"]
    if model.origin.startswith("flag") and "model" in given:
        raise InvalidRequestError("The model was given twice: with --model and with -o model.", hint="Leave one out.")
    if options.get("model") == model and model.value is not None and not _has_model(factory, name):
        if model.origin.startswith("flag"):
            raise ConfigurationError(
                f"The provider {name} has no choice of models, so --model {model.value} cannot be used.",
                hint="Leave --model out, or choose another provider: uic providers",
                provider=name,
            )
        output.warn(f"The model {model.value} ({model.origin}) is not used: {name} has no choice of models.")
        del options["model"]
    return {**options, **{option: Resolved(value, f"flag -o {option}") for option, value in given.items()}}


def _has_model(factory: ProviderFactory, name: str) -> bool:
    return any(option.name == "model" for option in factory.options(name))


def _create(factory: ProviderFactory, name: str, options: Mapping[str, Resolved]) -> ITextGenerator:
    try:
        return factory.create(name, **{option: resolved.value for option, resolved in options.items()})
    except ConfigurationError as error:
        for option, resolved in options.items():
            named = error.name if isinstance(error, UnknownNameError) else error.message
            if re.search(rf"\b{re.escape(option)}\b", named):
                _blame(error, option, resolved)
        raise


def _blame(error: ConfigurationError, name: str, resolved: Resolved) -> None:
    """Who said so, unless it was said on this command line."""
    if not resolved.origin.startswith(("flag", "default")):
        error.hint = f"{name} comes from {resolved.origin}. {error.hint}".strip()


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
