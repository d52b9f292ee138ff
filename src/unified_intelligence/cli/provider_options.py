"""From settings and flags to a provider that can answer: its row, its options, who gave them, the keys they name.

A key goes only where its user sends it. A project's file comes with somebody's repository: it may say which server to
ask, but not with which key, and where it says so no key is used but one of the command line.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

from unified_intelligence.cli.flags import Given
from unified_intelligence.cli.output import Output
from unified_intelligence.config.environment import Environment
from unified_intelligence.config.keys import SECRET, checked_key, is_secret, read_key
from unified_intelligence.config.resolve import Resolved, Settings, resolve
from unified_intelligence.config.settings import PROVIDERS_KEY, SHORTCUTS, TYPE_KEY
from unified_intelligence.entities.errors import ConfigurationError, InvalidRequestError, UnknownNameError
from unified_intelligence.factories.options import Option
from unified_intelligence.factories.provider_factory import PROVIDERS, ProviderFactory
from unified_intelligence.interfaces.text_generator import ITextGenerator

_FLAGS = {shortcut.option: shortcut.flag for shortcut in SHORTCUTS}


class Chosen(NamedTuple):
    """A provider that can answer, by its row's name. `options` tell who gave what; they hold no key."""

    name: str
    generator: ITextGenerator
    options: Mapping[str, Resolved]


def read_settings(
    flags: Mapping[str, str | bool | list[str] | None], environment: Environment, config: str
) -> Settings:
    """All settings, and the options of the providers with the variables that the table names for them."""
    return resolve(flags, environment, config, {name: row.environment for name, row in PROVIDERS.items()})


def factory_of(settings: Settings) -> ProviderFactory:
    """A factory that knows the user's own rows. Raises ConfigurationError for one that takes a built-in name."""
    types = settings.types()
    try:
        return ProviderFactory({name: str(kind.value) for name, kind in types.items()})
    except ConfigurationError as error:
        error.message = f"{types[error.provider].origin}: {error.message}"
        raise


def choose(settings: Settings, given: Given, output: Output) -> Chosen:
    """The provider of the settings.

    Raises ConfigurationError with who gave the value that is wrong, InvalidRequestError for one that is given twice.
    """
    name = settings.get("provider", str)
    with origins_of_names(settings):
        factory = factory_of(settings)
        known = {option.name: option for option in factory.options(name)}
    options = _options(settings, name, known, given, output)
    _refuse_keys_where_a_project_decides(name, options, known)
    if TYPE_KEY in options and options[TYPE_KEY].layer != "flag":
        del options[TYPE_KEY]
    values = {option: _value(name, option, resolved, output.environment) for option, resolved in options.items()}
    shown = {
        option: resolved._replace(value=SECRET) if is_secret(option) else resolved
        for option, resolved in options.items()
    }
    with _origins_of_options(shown):
        return Chosen(name, factory.create(name, **values), shown)


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


def _options(
    settings: Settings, name: str, known: Mapping[str, Option], given: Given, output: Output
) -> dict[str, Resolved]:
    """The options from files, environment and flags. A general `model` counts where there is one to choose."""
    options = settings.provider_options(name)
    model = settings.values["model"]
    shortcuts, pairs = given.shortcuts, dict(given.pairs)
    typed = {**shortcuts, **({"model": ""} if model.layer == "flag" else {})}
    for option in typed:
        flag = _FLAGS.get(option, f"--{option}")
        if option in pairs:
            raise InvalidRequestError(
                f"The {option} was given twice: with {flag} and with -o {option}.", hint="Leave one out."
            )
        if option not in known:
            what = f"choice of models, so --model {model.value}" if option == "model" else f"option {option}, so {flag}"
            raise ConfigurationError(
                f"The provider {name} has no {what} cannot be used.",
                hint=f"Leave {flag} out, or choose another provider: uic providers",
                provider=name,
            )
    if options.get("model") == model and model.value is not None and "model" not in known:
        output.warn(f"The model {model.value} ({model.origin}) is not used: {name} has no choice of models.")
        del options["model"]
    options.update({option: Resolved(value, f"flag {_FLAGS[option]}", "flag") for option, value in shortcuts.items()})
    options.update({option: Resolved(value, f"flag -o {option}", "flag") for option, value in pairs.items()})
    return options


def _refuse_keys_where_a_project_decides(
    name: str, options: Mapping[str, Resolved], known: Mapping[str, Option]
) -> None:
    """Whoever can write a project's file could have every key of this machine sent to a server of his."""
    decides = next((o for o, given in options.items() if given.layer == "project" and _may_say_where(o, known)), None)
    for option, given in options.items():
        if not is_secret(option) or given.value is None or given.layer == "flag":
            continue
        flag = _FLAGS.get(option, f"-o {option}")
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
def _origins_of_options(options: Mapping[str, Resolved]) -> Generator[None]:
    """Who gave the option that an error is about."""
    try:
        yield
    except ConfigurationError as error:
        for option, resolved in options.items():
            named = error.name if isinstance(error, UnknownNameError) else error.message
            if re.search(rf"\b{re.escape(option)}\b", named):
                blame(error, option, resolved)
        raise
