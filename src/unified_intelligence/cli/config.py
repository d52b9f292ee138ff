"""`uic config`: which settings hold and who set them; where the files are."""

from __future__ import annotations

import json as json_library
from typing import Annotated

import typer

from unified_intelligence.cli.command import LightCommand, new_app
from unified_intelligence.cli.flags import File
from unified_intelligence.cli.output import Output
from unified_intelligence.cli.table import aligned
from unified_intelligence.config.keys import SECRET, is_secret
from unified_intelligence.config.resolve import Resolved, Settings, resolve
from unified_intelligence.config.settings import PROVIDERS_KEY, SETTINGS

app = new_app()

_Json = Annotated[bool | None, typer.Option("--json", help="as JSON")]


@app.callback()
def config() -> None:
    """Which settings hold, and who set them. The strongest first:

    flag, environment (UIC_PROVIDER and so on), --config FILE, the project's config.json, the user's, default.
    """


@app.command(cls=LightCommand)
def show(
    context: typer.Context,
    origin: Annotated[bool | None, typer.Option("--origin", help="also who set each")] = None,
    json: _Json = None,
    config: File = None,
) -> int:
    """Every setting; secrets are not shown."""
    output: Output = context.obj
    from unified_intelligence.factories.configured import read_settings

    shown = _shown(read_settings({}, output.environment, config or ""))
    if json:
        output.json({key: _as_json(value, bool(origin)) for key, value in shown.items()}, indented=True)
        return 0
    rows = [
        (key, json_library.dumps(value.value, ensure_ascii=False), *([value.origin] if origin else []))
        for key, value in shown.items()
    ]
    output.line(aligned(rows))
    return 0


@app.command(cls=LightCommand)
def path(context: typer.Context, json: _Json = None, config: File = None) -> int:
    """Where configuration files are looked for."""
    output: Output = context.obj
    sources = list(reversed(resolve({}, output.environment, config or "").sources))
    if json:
        output.json([{"layer": s.layer, "path": str(s.path), "state": s.state} for s in sources], indented=True)
    else:
        output.line(aligned([(source.layer, source.state, str(source.path)) for source in sources]))
    return 0


def _shown(settings: Settings) -> dict[str, Resolved]:
    """The settings in the table's order, then `providers.NAME.OPTION`."""
    shown = {setting.name: settings.values[setting.name] for setting in SETTINGS}
    for provider in settings.configured_providers():
        for option, resolved in settings.provider_options(provider).items():
            if resolved != settings.values.get(option):
                hidden = resolved._replace(value=SECRET) if is_secret(option) else resolved
                shown[f"{PROVIDERS_KEY}.{provider}.{option}"] = hidden
    return shown


def _as_json(resolved: Resolved, with_origin: bool) -> object:
    return {"value": resolved.value, "origin": resolved.origin} if with_origin else resolved.value
