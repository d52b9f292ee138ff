"""The flags of every command that needs a provider: which one, where its server is, with which key and options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, NamedTuple

import typer

from unified_intelligence.config.settings import BY_NAME, SHORTCUTS

_METAVARS: Mapping[type, str] = {int: "N", float: "NUMBER", str: "TEXT", list: "NAME"}
_SHORTCUTS = {shortcut.option: shortcut for shortcut in SHORTCUTS}


def setting_flag(name: str, *forms: str, metavar: str = "") -> Any:
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


def _shortcut(option: str) -> Any:
    row = _SHORTCUTS[option]
    return typer.Option(row.flag, metavar=row.metavar, help=row.description)


Provider = Annotated[str | None, setting_flag("provider", "--provider", "-P", metavar="NAME")]
Model = Annotated[str | None, setting_flag("model", "--model", "-m")]
BaseUrl = Annotated[str | None, _shortcut("base_url")]
Key = Annotated[str | None, _shortcut("key")]
Timeout = Annotated[str | None, _shortcut("timeout")]
Retries = Annotated[str | None, _shortcut("retries")]
Wait = Annotated[str | None, _shortcut("wait")]
Option = Annotated[
    tuple[str, str] | None,
    typer.Option(
        "--option", "-o", metavar="NAME VALUE", help="an option of the provider's own, also NAME=VALUE; may be repeated"
    ),
]
File = Annotated[str | None, typer.Option("--config", metavar="FILE", help="a configuration file, before the others")]


class Given(NamedTuple):
    """The provider's options that were typed: `shortcuts` by option, such as base_url; `pairs` are those of -o."""

    shortcuts: Mapping[str, str]
    pairs: Sequence[tuple[str, str]]


def given(parameters: Mapping[str, Any]) -> Given:
    """The provider's options among the parameters of a command that has all these flags."""
    shortcuts = {name: parameters[name] for name in _SHORTCUTS if parameters[name] is not None}
    return Given(shortcuts, parameters["option"] or [])
