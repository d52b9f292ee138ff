"""`uic ask`, and `uic` without a command: its flags. What it does is left to `conversation`, which `--help` spares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from unified_intelligence.cli.command import LightCommand, new_app
from unified_intelligence.cli.output import Output
from unified_intelligence.config.settings import BY_NAME

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


_Prompt = Annotated[list[str] | None, typer.Argument(metavar="PROMPT", hidden=True)]
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
_Config = Annotated[
    str | None, typer.Option("--config", metavar="FILE", help="a configuration file, before the others")
]

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
    from unified_intelligence.cli.conversation import answer_question

    output: Output = context.obj
    flags = {name: context.params[name] for name in BY_NAME}
    return answer_question(output, flags, context.params["option"] or [], prompt or [], query, config or "")
