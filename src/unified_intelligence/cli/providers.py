"""`uic providers`: who can answer, what each needs, and its options."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from unified_intelligence.cli import flags
from unified_intelligence.cli.command import LightCommand, new_app
from unified_intelligence.cli.output import Output
from unified_intelligence.cli.table import aligned
from unified_intelligence.entities.errors import InvalidRequestError
from unified_intelligence.factories.options import Option as OptionOf
from unified_intelligence.factories.provider_factory import PROVIDERS, ProviderFactory

DISTRIBUTION = "unified-intelligence-cli"

app = new_app()


@app.command(cls=LightCommand)
def providers(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(metavar="NAME|check NAME", hidden=True)] = None,
    checked: Annotated[str | None, typer.Argument(metavar="", hidden=True)] = None,
    model: flags.Model = None,
    base_url: flags.BaseUrl = None,
    key: flags.Key = None,
    timeout: flags.Timeout = None,
    option: flags.Option = None,
    ask: Annotated[bool | None, typer.Option("--ask", help="with check: ask a question too")] = None,
    json: Annotated[bool | None, typer.Option("--json", help="as JSON")] = None,
    config: flags.File = None,
) -> int:
    """All providers, plugins and rows of your own included; the options of one: NAME; is it there: check NAME.

    check looks whether who answers can be reached, takes the key, and which models or endpoints it has. It asks no
    question without --ask. Only check has use for the flags, --json and --config apart.
    """
    from unified_intelligence.factories.configured import factory_of, origins_of_names, read_settings

    output: Output = context.obj
    given = flags.given({"retries": None, "wait": None, **context.params})
    if name == "check":
        return _check(checked, given, output, context.params)
    if checked is not None or given.pairs or given.shortcuts or model or ask:
        raise InvalidRequestError(
            "A name is enough to show a provider's options.", hint="Look whether it is there: uic providers check NAME"
        )
    settings = read_settings({}, output.environment, config or "")
    places = {row: kind.origin for row, kind in settings.types().items()}
    with origins_of_names(settings):
        factory = factory_of(settings, output.environment)
        if name is None:
            _list(factory, places, output, bool(json))
        else:
            _describe(factory, name, places, output, bool(json))
    return 0


def _check(name: str | None, given: flags.Given, output: Output, parameters: Mapping[str, Any]) -> int:
    from unified_intelligence.cli.provider_check import check
    from unified_intelligence.factories.configured import read_settings

    if name is None:
        hint = "uic providers check NAME; names: uic providers"
        raise InvalidRequestError("Which provider is to be checked?", hint=hint)
    typed = {"provider": name, "model": parameters["model"]}
    settings = read_settings(typed, output.environment, parameters["config"] or "")
    return check(settings, given, output, ask=bool(parameters["ask"]), as_json=bool(parameters["json"]))


def _list(factory: ProviderFactory, places: Mapping[str, str], output: Output, as_json: bool) -> None:
    rows = [
        {
            "name": name,
            "summary": _summary(factory, name, places),
            "extra": factory.provider(name).extra,
            "installed": _installed(factory.provider(name).extra),
            "built_in": name in PROVIDERS,
        }
        for name in factory.names()
    ]
    if as_json:
        output.json(rows, indented=True)
        return
    table = [(str(row["name"]), _state(str(row["extra"]), row["installed"]), str(row["summary"])) for row in rows]
    output.line(aligned([("NAME", "NEEDS", "WHAT IT IS"), *table]))


def _summary(factory: ProviderFactory, name: str, places: Mapping[str, str]) -> str:
    summary = factory.provider(name).summary
    return f"{summary} in {places[name]}" if name in places and name not in PROVIDERS else summary


def _describe(factory: ProviderFactory, name: str, places: Mapping[str, str], output: Output, as_json: bool) -> None:
    provider, options = factory.provider(name), factory.options(name)
    summary = _summary(factory, name, places)
    if as_json:
        described = {"name": name, "summary": summary, "extra": provider.extra, "environment": {**provider.environment}}
        output.json({**described, "options": [_option(option) for option in options]}, indented=True)
        return
    output.line(f"{name}: {summary}")
    if not options:
        output.line("It has no options.")
        return
    rows = [
        (option.name, option.type_name, _default(option, provider.environment), option.description)
        for option in options
    ]
    output.line(aligned([("OPTION", "TYPE", "DEFAULT", "WHAT IT IS"), *rows]))


def _installed(extra: str) -> bool | None:
    """Whether the libraries of an extra are there; None in a checkout, where no package says which they are."""
    if not extra:
        return True
    from importlib.metadata import PackageNotFoundError, distribution, requires

    try:
        needed = requires(DISTRIBUTION) or []
        names = [line.split(";")[0] for line in needed if f'extra == "{extra}"' in line.replace("'", '"')]
    except PackageNotFoundError:
        return None
    for name in names:
        try:
            distribution(_bare(name))
        except PackageNotFoundError:
            return False
    return True


def _bare(requirement: str) -> str:
    import re

    return re.split(r"[^\w.-]", requirement.strip(), maxsplit=1)[0]


def _state(extra: str, installed: object) -> str:
    if not extra:
        return "nothing more"
    if installed is None:
        return f"the libraries of the extra {extra}"
    return "installed" if installed else f"pip install '{DISTRIBUTION}[{extra}]'"


def _option(option: OptionOf) -> dict[str, object]:
    return {
        "name": option.name,
        "type": _type(option),
        "required": option.required,
        "default": None if option.required else option.default,
        "description": option.description,
    }


def _type(option: OptionOf) -> str:
    return "|".join(option.choices) or ("name=str,..." if option.kind is dict else option.kind.__name__)


def _default(option: OptionOf, variables: Mapping[str, str]) -> str:
    """Where its value comes from if nobody gives one."""
    if option.name in variables:
        return f"${variables[option.name]}"
    if option.required:
        return "(required)"
    if isinstance(option.default, bool):
        return "true" if option.default else "false"
    if isinstance(option.default, float):
        return f"{option.default:g}"
    return "(none)" if option.default is None else str(option.default)
