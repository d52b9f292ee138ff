"""`uic ask`, and `uic` without a command: its flags. What it does is left to `conversation`, which `--help` spares."""

from __future__ import annotations

from typing import Annotated

import typer

from unified_intelligence.cli import flags
from unified_intelligence.cli.command import LightCommand, new_app
from unified_intelligence.cli.flags import setting_flag
from unified_intelligence.cli.output import Output
from unified_intelligence.config.settings import BY_NAME

_Prompt = Annotated[list[str] | None, typer.Argument(metavar="PROMPT", hidden=True)]
_Query = Annotated[str | None, typer.Option("--query", "-q", metavar="TEXT", help="the question, in place of PROMPT")]
_System = Annotated[str | None, setting_flag("system", "--system", "-s")]
_Tools = Annotated[list[str] | None, setting_flag("tools", "--tools", "-T")]
_MaxTokens = Annotated[str | None, setting_flag("max_tokens", "--max-tokens")]
_Temperature = Annotated[str | None, setting_flag("temperature", "--temperature")]
_TopP = Annotated[str | None, setting_flag("top_p", "--top-p")]
_Seed = Annotated[str | None, setting_flag("seed", "--seed")]
_Thinking = Annotated[bool | None, setting_flag("thinking", "--thinking/--no-thinking")]
_Think = Annotated[str | None, setting_flag("think", "--think")]
_Format = Annotated[str | None, setting_flag("format", "--format")]
_Stream = Annotated[bool | None, setting_flag("stream", "--stream/--no-stream")]
_Strict = Annotated[bool | None, setting_flag("strict", "--strict/--no-strict")]

app = new_app()


@app.command(cls=LightCommand)
def ask(
    context: typer.Context,
    prompt: _Prompt = None,
    query: _Query = None,
    provider: flags.Provider = None,
    model: flags.Model = None,
    system: _System = None,
    base_url: flags.BaseUrl = None,
    key: flags.Key = None,
    timeout: flags.Timeout = None,
    retries: flags.Retries = None,
    wait: flags.Wait = None,
    option: flags.Option = None,
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
    config: flags.File = None,
) -> int:
    """Ask one question. Text that is piped in comes before it."""
    from unified_intelligence.cli.conversation import answer_question
    from unified_intelligence.factories.configured import read_settings

    output: Output = context.obj
    settings = read_settings({name: context.params[name] for name in BY_NAME}, output.environment, config or "")
    return answer_question(output, settings, flags.given(context.params), prompt or [], query)
