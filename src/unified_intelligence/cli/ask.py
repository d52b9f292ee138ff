"""`uic ask`, and `uic` without a command: one question, one answer."""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping
from typing import Annotated, Any

import typer

from unified_intelligence.cli.answers import Answer, Style, answer_for
from unified_intelligence.cli.command import LightCommand, new_app
from unified_intelligence.cli.output import Output
from unified_intelligence.cli.question import read_question
from unified_intelligence.config.resolve import Resolved, Settings, resolve
from unified_intelligence.config.settings import BY_NAME
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
_METAVARS: Mapping[type, str] = {int: "INTEGER", float: "NUMBER", str: "TEXT", list: "NAME"}


def _flag(name: str, *forms: str, metavar: str = "") -> Any:
    """The flag of a setting, worded by the table."""
    setting = BY_NAME[name]
    shown = metavar or "|".join(setting.choices) or _METAVARS.get(setting.kind)
    return typer.Option(*forms, metavar=None if setting.kind is bool else shown, help=_help(name))


def _help(name: str) -> str:
    setting = BY_NAME[name]
    if setting.default is None:
        default = setting.none
    elif isinstance(setting.default, bool):
        default = "on" if setting.default else "off"
    else:
        default = str(setting.default or "none")
    return f"{setting.description} [{default}]"


_Prompt = Annotated[list[str] | None, typer.Argument(metavar="[PROMPT]...", help="the question, in as many words as it takes")]
_Query = Annotated[str | None, typer.Option("--query", "-q", metavar="TEXT", help="the question, in place of PROMPT")]
_Provider = Annotated[str | None, _flag("provider", "--provider", "-P", metavar="NAME")]
_Model = Annotated[str | None, _flag("model", "--model", "-m")]
_System = Annotated[str | None, _flag("system", "--system", "-s")]
_Option = Annotated[
    tuple[str, str] | None,
    typer.Option("--option", "-o", metavar="NAME VALUE", help="an option of the provider's own; may be repeated"),
]
_Tools = Annotated[list[str] | None, _flag("tools", "--tools", "-T")]
_MaxTokens = Annotated[str | None, _flag("max_tokens", "--max-tokens")]
_Temperature = Annotated[str | None, _flag("temperature", "--temperature")]
_TopP = Annotated[str | None, _flag("top_p", "--top-p")]
_Seed = Annotated[str | None, _flag("seed", "--seed")]
_Thinking = Annotated[bool | None, _flag("thinking", "--thinking/--no-thinking")]
_Think = Annotated[str | None, _flag("think", "--think")]
_Format = Annotated[str | None, _flag("format", "--format")]
_Stream = Annotated[bool | None, _flag("stream", "--stream/--no-stream")]
_Strict = Annotated[bool | None, _flag("strict", "--strict/--no-strict")]
_Config = Annotated[str | None, typer.Option("--config", metavar="FILE", help="a configuration file, before the others")]

app = new_app()


@app.command(cls=LightCommand)
def ask(
    context: typer.Context,
    prompt: _Prompt = None,
    query: _Query = None,
    provider: _Provider = None,
    model: _Model = None,
    system: _System = None,
    option: _Option = None,
    tools: _Tools = None,
    max_tokens: _MaxTokens = None,
    temperature: _Temperature = None,
    top_p: _TopP = None,
    seed: _Seed = None,
    thinking: _Thinking = None,
    think: _Think = None,
    format: _Format = None,
    stream: _Stream = None,
    strict: _Strict = None,
    config: _Config = None,
) -> int:
    """Ask one question. Text that is piped in comes before it."""
    output: Output = context.obj
    flags = {name: context.params[name] for name in BY_NAME}
    settings = resolve(flags, output.environment, config or "")
    chosen = settings.get("format", str)
    output.machine = chosen if chosen in {"json", "jsonl"} else ""
    question = read_question(prompt or [], query, output)
    given: list[tuple[str, str]] = context.params["option"] or []
    return _ask(question, settings, dict(given), output)


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
                hint=f"Leave --model out, or choose another provider: uic providers",
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
        named = error.name if isinstance(error, UnknownNameError) else error.message
        blamed = [
            f"{option} comes from {resolved.origin}."
            for option, resolved in options.items()
            if re.search(rf"\b{re.escape(option)}\b", named) and not resolved.origin.startswith("flag")
        ]
        error.hint = " ".join([*blamed, error.hint]).strip()
        raise


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
    groups = settings.get("tools", list)
    if groups:
        from unified_intelligence.tools.loop import run_with_tools, tools_named

        events = run_with_tools(generator, messages, config, tools_named(groups), on_result=answer.called)
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
    output.warn(f"The answer stopped at its limit{at}." if reason == "length" else "The provider's filter cut the answer.")
    return INCOMPLETE if settings.get("strict", bool) else 0
