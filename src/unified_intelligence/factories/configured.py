"""From settings to a provider that can answer: its row, its options, who gave them, the keys they name.

A key goes only where its user sends it. A project's file comes with somebody's repository: it may say which server to
ask, but not with which key, and where it says so no key is used but one of the command line. A key in a variable
belongs to the server that a variable or the command line names: a file that names another one names its key too.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Generator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from unified_intelligence.config.environment import Environment
from unified_intelligence.config.keys import SECRET, checked_key, is_secret, read_key
from unified_intelligence.config.resolve import Resolved, Settings, resolve
from unified_intelligence.config.settings import PROVIDERS_KEY, SHORTCUTS, TYPE_KEY
from unified_intelligence.entities.errors import ConfigurationError, UnknownNameError
from unified_intelligence.factories.provider_factory import PROVIDERS, Configured, ProviderFactory

if TYPE_CHECKING:
    from unified_intelligence.factories.options import Option
    from unified_intelligence.interfaces.text_generator import ITextGenerator

FLAGS: Mapping[str, str] = {shortcut.option: shortcut.flag for shortcut in SHORTCUTS}
_SENT_TO: Mapping[str, tuple[str, ...]] = {
    "key": ("base_url", "space"),
    "hf_token": ("hub",),
    "token": ("base_url", "space", "hub"),
}
_CODE = "trust_remote_code"
_FILES = frozenset({"user", "named"})


class Chosen(NamedTuple):
    """A provider that can answer, by its row's name. `options` tell who gave what; they hold no key."""

    name: str
    generator: ITextGenerator
    options: Mapping[str, Resolved]


def configured_provider(
    name: str | None = None, *, model: str | None = None, config: str = "", **options: object
) -> ITextGenerator:
    """The provider that `uic` would ask here: with the environment's variables, the files and the keys they name.

    `name`, `model` and `options` are stronger than those; a key among the options is the key itself. `config` names a
    file as `--config` does. Raises what `uic` reports: ConfigurationError, UnknownNameError, MissingDependencyError.
    """
    environment = Environment.of_process()
    settings = read_settings({"provider": name, "model": model}, environment, config)
    with origins_of_names(settings):
        chosen = settings.get("provider", str)
        factory = factory_of(settings, environment)
        known = {option.name: option for option in factory.options(chosen)}
    given = settings.provider_options(chosen)
    if model is None and "model" not in known:
        given.pop("model", None)
    named = {option: Resolved(value, f"argument {option}", "flag") for option, value in options.items()}
    values = values_of(settings, chosen, {**given, **named}, known, environment, as_they_are=options.keys())
    with origins_of_options(given):
        return factory.build(chosen, values)


def read_settings(
    flags: Mapping[str, str | bool | list[str] | None], environment: Environment, config: str
) -> Settings:
    """All settings, and the options of the providers with the variables that the table names for them."""
    return resolve(flags, environment, config, {name: row.environment for name, row in PROVIDERS.items()})


def factory_of(settings: Settings, environment: Environment) -> ProviderFactory:
    """A factory that knows the user's own rows, and what each is built with for a provider that is made of others.

    Raises ConfigurationError for one that takes a built-in name.
    """
    types = settings.types()

    def of_row(name: str) -> Configured:
        known = {option.name: option for option in factory.options(name)}
        return values_of(settings, name, row_options(settings, name, known), known, environment)

    try:
        factory = ProviderFactory({name: str(kind.value) for name, kind in types.items()}, of_row)
    except ConfigurationError as error:
        error.message = f"{types[error.provider].origin}: {error.message}"
        raise
    return factory


def row_options(settings: Settings, name: str, known: Mapping[str, Option]) -> dict[str, Resolved]:
    """What files and variables give a row. A general `model` counts where there is one to choose and none is given."""
    options = settings.row_options(name)
    if options.get("model") == settings.values["model"] and "model" not in known:
        del options["model"]
    return options


def values_of(
    settings: Settings,
    name: str,
    options: Mapping[str, Resolved],
    known: Mapping[str, Option],
    environment: Environment,
    as_they_are: Collection[str] = (),
) -> Configured:
    """What a row is built with: keys are read now, and not before; `as_they_are` are options that are no references.

    Raises ConfigurationError for a key that may not go where it would be sent, or that cannot be read.
    """
    elsewhere = dict(_keys_for_elsewhere(options))
    options = {**options, **settings.options_of_files(name, elsewhere)}
    _refuse_code_of_a_project(name, options)
    _refuse_keys_where_a_project_decides(name, options, known)
    left_out = {option: why for option, why in elsewhere.items() if options[option].layer == "environment"}
    values: dict[str, object] = {}
    notes = dict(left_out)
    for option, resolved in options.items():
        if option in left_out or (option == TYPE_KEY and resolved.layer != "flag"):
            continue
        values[option] = resolved.value if option in as_they_are else _value(name, option, resolved, environment)
        if is_secret(option) and resolved.value is not None:
            reference = "" if option in as_they_are or resolved.layer == "environment" else f", {resolved.value}"
            notes[option] = f"The {option} that was sent is that of {resolved.origin}{reference}."
    return Configured(values, notes)


def without_keys(options: Mapping[str, Resolved]) -> dict[str, Resolved]:
    """The options as they may be shown."""
    return {
        option: resolved._replace(value=SECRET) if is_secret(option) else resolved
        for option, resolved in options.items()
        if option != TYPE_KEY or resolved.layer == "flag"
    }


def _keys_for_elsewhere(options: Mapping[str, Resolved]) -> Generator[tuple[str, str]]:
    """The keys of variables that are not sent to where a file says, and why."""
    for option, given in options.items():
        if not is_secret(option) or given.layer != "environment":
            continue
        places = (options[place] for place in _SENT_TO.get(option, _SENT_TO["key"]) if place in options)
        place = next((place for place in places if place.layer in _FILES), None)
        if place is not None:
            variable = given.origin.removeprefix("environment ")
            yield (
                option,
                f"No {option} was sent: that of {given.origin} is not meant for the address of {place.origin}. "
                f'If it is, write there: "{option}": "env:{variable}".',
            )


@contextmanager
def origins_of_names(settings: Settings) -> Generator[None]:
    """Who named a provider, or the type of a row, that nobody knows."""
    try:
        yield
    except UnknownNameError as error:
        types, name = settings.types(), settings.get("provider", str)
        kind = types.get(error.provider)
        if kind and error.name == kind.value:
            error.message = f"{kind.origin}: {error.message}"
            raise
        if error.name == name and name in settings.configured_providers() and name not in types:
            error.hint = f'{PROVIDERS_KEY}.{name} in your configuration has no "{TYPE_KEY}": which provider is it of?'
        if error.name == name:
            blame(error, name, settings.values["provider"])
        raise


def blame(error: ConfigurationError, name: str, resolved: Resolved) -> None:
    """Who said so, unless it was said on this command line."""
    if resolved.layer not in {"flag", "default"}:
        error.hint = f"{name} comes from {resolved.origin}. {error.hint}".strip()


def _refuse_code_of_a_project(name: str, options: Mapping[str, Resolved]) -> None:
    """Whoever can write a project's file could run code of his on every machine that has his repository."""
    if (given := options.get(_CODE)) and given.layer == "project":
        raise ConfigurationError(
            f"{given.origin}: a project's file may not say whose code is run ({_CODE}).",
            hint=f"Give it on the command line, -o {_CODE} MODEL@COMMIT, or put it into your own file: uic config path",
            provider=name,
        )


def _refuse_keys_where_a_project_decides(
    name: str, options: Mapping[str, Resolved], known: Mapping[str, Option]
) -> None:
    """Whoever can write a project's file could have every key of this machine sent to a server of his."""
    decides = next((o for o, given in options.items() if given.layer == "project" and _may_say_where(o, known)), None)
    for option, given in options.items():
        if not is_secret(option) or given.value is None or given.layer == "flag":
            continue
        flag = FLAGS.get(option, f"-o {option}")
        hint = f"Give it on the command line, {flag} env:NAME, or put the row into your own file: uic config path"
        if given.layer == "project":
            raise ConfigurationError(
                f"{given.origin}: a project's file may not say which {option} is used for {name}.",
                hint=hint,
                provider=name,
            )
        if decides:
            raise ConfigurationError(
                f"{options[decides].origin}: a project's file gives {decides} of {name}, so the {option} of "
                f"{given.origin} is not sent there.",
                hint=hint,
                provider=name,
            )


def _may_say_where(option: str, known: Mapping[str, Option]) -> bool:
    """Numbers and the model's name choose no address; everything else may: a URL, a Space, a proxy, a switch of TLS."""
    return (
        option != "model" and not is_secret(option) and (option not in known or known[option].kind not in {int, float})
    )


def _value(name: str, option: str, resolved: Resolved, environment: Environment) -> object:
    """What the provider is given: a key is read now, and not before."""
    if not is_secret(option) or resolved.value is None:
        return resolved.value
    what = f"The {option} of {name} ({resolved.origin})"
    try:
        if resolved.layer == "environment":
            return checked_key(what, str(resolved.value).strip())
        return read_key(what, resolved.value, environment)
    except ConfigurationError as error:
        error.provider = name
        raise


@contextmanager
def origins_of_options(options: Mapping[str, Resolved]) -> Generator[None]:
    """Who gave the option that an error is about."""
    try:
        yield
    except ConfigurationError as error:
        for option, resolved in options.items():
            named = error.name if isinstance(error, UnknownNameError) else error.message
            if re.search(rf"\b{re.escape(option)}\b", named):
                blame(error, option, resolved)
        raise
