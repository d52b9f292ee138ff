"""`uic serve`: its flags. What it does is left to `server`, which `--help` spares."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from unified_intelligence.cli import flags
from unified_intelligence.cli.command import LightCommand, new_app
from unified_intelligence.cli.output import Output

app = new_app()


def _number(form: str, help: str, metavar: str = "N") -> Any:
    return typer.Option(form, metavar=metavar, help=help)


_Host = Annotated[str | None, typer.Option("--host", metavar="ADDRESS", help="where to listen [127.0.0.1]")]
_Port = Annotated[str | None, _number("--port", "0 takes a free one, which is printed [8000]")]
_ApiKey = Annotated[
    list[str] | None,
    typer.Option(
        "--api-key", metavar="REFERENCE", help="where a key that callers send is, as with --key; may be repeated"
    ),
]
_ServedName = Annotated[
    list[str] | None,
    typer.Option("--served-name", metavar="NAME", help="what callers call the model; more are aliases [the model's]"),
]
_Origin = Annotated[
    list[str] | None,
    typer.Option("--cors-origin", metavar="ORIGIN", help="a site whose pages may call; may be repeated [none]"),
]
_Frame = Annotated[
    list[str] | None,
    typer.Option(
        "--frame-origin", metavar="ORIGIN", help="a site that may frame the status page; may be repeated [none]"
    ),
]
_Log = Annotated[str | None, typer.Option("--log", metavar="json|text|off", help="a line for each request [json]")]
_Contents = Annotated[bool | None, typer.Option("--log-contents", help="what is asked in the log too [off]")]
_Deployment = Annotated[
    str | None,
    typer.Option("--deployment", metavar="FILE", help="the deployment.json of what runs; /version tells it"),
]
_About = Annotated[
    tuple[str, str] | None,
    typer.Option("--about", metavar="NAME VALUE", help="backend, model or revision as /version is to tell it"),
]
_Otel = Annotated[str | None, typer.Option("--otel-endpoint", metavar="URL", help="send traces to this collector")]


@app.command(cls=LightCommand)
def serve(
    context: typer.Context,
    provider: flags.Provider = None,
    model: flags.Model = None,
    base_url: flags.BaseUrl = None,
    key: flags.Key = None,
    timeout: flags.Timeout = None,
    retries: flags.Retries = None,
    wait: flags.Wait = None,
    option: flags.Option = None,
    config: flags.File = None,
    host: _Host = None,
    port: _Port = None,
    api_key: _ApiKey = None,
    served_name: _ServedName = None,
    max_running: Annotated[
        str | None, _number("--max-running", "answers made at once [8; with local its slots]")
    ] = None,
    max_waiting: Annotated[str | None, _number("--max-waiting", "answers that may wait for a turn [64]")] = None,
    max_per_key: Annotated[str | None, _number("--max-per-key", "answers for one key at once [32]")] = None,
    max_wait: Annotated[
        str | None, _number("--max-wait", "the most a request may wait to begin [no limit]", "SECONDS")
    ] = None,
    max_body: Annotated[str | None, _number("--max-body", "bytes of a request's body [8388608]")] = None,
    grace: Annotated[str | None, _number("--grace", "the most to finish in after SIGTERM [30]", "SECONDS")] = None,
    cors_origin: _Origin = None,
    frame_origin: _Frame = None,
    log: _Log = None,
    log_contents: _Contents = None,
    otel_endpoint: _Otel = None,
    deployment: _Deployment = None,
    about: _About = None,
) -> int:
    """Serve a provider to every client of OpenAI's API. `--model` alone serves a model that runs here."""
    from unified_intelligence.cli.server import serve_provider

    output: Output = context.obj
    return serve_provider(output, context.params)
