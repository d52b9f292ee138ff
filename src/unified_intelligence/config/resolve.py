"""Which value holds, and who said so.

flag > environment > `--config FILE` > project's config.json > user's config.json > default

The same order holds for a provider's options; the variables of one are named by its row in the table of providers.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from unified_intelligence.config.environment import Environment
from unified_intelligence.config.places import FILE_NAME, project_file, user_file
from unified_intelligence.config.settings import OTHER_ENVIRONMENT, PROVIDERS_KEY, SETTINGS, TYPE_KEY, known, read_text
from unified_intelligence.entities.errors import ConfigurationError, InvalidRequestError, UnknownNameError
from unified_intelligence.entities.nearest import nearest

if TYPE_CHECKING:
    from unified_intelligence.config.files import ConfigFile

T = TypeVar("T")


class Resolved(NamedTuple):
    """A value, its origin and its layer: `default`, `user`, `project`, `named`, `environment` or `flag`.

    An origin is `flag --seed`, `environment UIC_SEED`, `/home/me/config.json:3` or `default`.
    """

    value: object
    origin: str
    layer: str = "default"


class Source(NamedTuple):
    """A place where a configuration file may be: `state` is `read`, or why it was not; `file` is what was read."""

    layer: str
    path: Path
    state: str
    file: ConfigFile | None = None


FILE_LAYERS = frozenset({"user", "project", "named"})
Layer = Mapping[str, Mapping[str, Resolved]]
_ANY = ""


class Settings(NamedTuple):
    """All settings, resolved. `layers` hold the options by provider, the strongest last; `_ANY` is every provider."""

    values: Mapping[str, Resolved]
    layers: tuple[Layer, ...]
    sources: tuple[Source, ...]

    def get(self, name: str, kind: type[T]) -> T:
        """The value of a setting that is never unset."""
        value = self.values[name].value
        if not isinstance(value, kind):
            raise TypeError(f"{name} is {type(value).__name__}, not {kind.__name__}")
        return value

    def maybe(self, name: str, kind: type[T]) -> T | None:
        """The value of a setting that may be unset."""
        return None if self.values[name].value is None else self.get(name, kind)

    def provider_options(self, provider: str) -> dict[str, Resolved]:
        """The options of a provider, `model` among them, each from the strongest layer that gives it."""
        found: dict[str, Resolved] = {}
        for layer in self.layers:
            found.update(layer.get(_ANY, {}))
            found.update(layer.get(provider, {}))
        return found

    def row_options(self, provider: str) -> dict[str, Resolved]:
        """The same for one of several: what is said of all providers is weaker than what its own row says."""
        found: dict[str, Resolved] = {}
        for name in (_ANY, provider):
            for layer in self.layers:
                found.update(layer.get(name, {}))
        return found

    def options_of_files(self, provider: str, options: Container[str]) -> dict[str, Resolved]:
        """Some of a provider's options as the files alone give them."""
        given = (layer.get(provider, {}).items() for layer in self.layers)
        return {
            option: resolved
            for each in given
            for option, resolved in each
            if option in options and resolved.layer in FILE_LAYERS
        }

    def configured_providers(self) -> tuple[str, ...]:
        return tuple(sorted({name for layer in self.layers for name in layer if name != _ANY}))

    def types(self) -> dict[str, Resolved]:
        """The rows of the user's own: the provider that each is of, by the row's name."""
        found = {name: self.provider_options(name).get(TYPE_KEY) for name in self.configured_providers()}
        return {name: row for name, row in found.items() if row is not None and row.value is not None}


def resolve(
    flags: Mapping[str, str | bool | list[str] | None],
    environment: Environment,
    config: str = "",
    variables: Mapping[str, Mapping[str, str]] | None = None,
) -> Settings:
    """All layers, laid over each other. `variables` are those of the providers: by provider, then by option.

    Raises ConfigurationError; InvalidRequestError for a flag's value.
    """
    values = {setting.name: Resolved(setting.default, "default") for setting in SETTINGS}
    layers: list[Layer] = []
    nothing: Layer = {}
    sources = tuple(_sources(environment, config))
    for source in sources:
        if source.file:
            found = {
                name: Resolved(value, source.file.where(name), source.layer)
                for name, value in source.file.values.items()
            }
            values.update(found)
            layers.append({**_provider_options(source.file, source.layer), **_for_any(found)})
    for found, of_providers in (
        (_from_environment(environment), _from_variables(variables or {}, environment)),
        (_from_flags(flags), nothing),
    ):
        values.update(found)
        layers.append({**of_providers, **_for_any(found)})
    return Settings(values, tuple(layers), sources)


def _sources(environment: Environment, config: str) -> Iterator[Source]:
    """Where the files are, the weakest first."""
    home, directory = environment.home, environment.directory
    user = user_file(home, environment.get("XDG_CONFIG_HOME"))
    yield _read("user", user) if user.is_file() else Source("user", user, "not there")
    project = project_file(directory, home)
    if project is None:
        yield Source("project", directory / FILE_NAME, "not there")
    else:
        from unified_intelligence.config.files import read_if_ours

        file = read_if_ours(project)
        yield Source("project", project, "read" if file else "another program's", file)
    named = config or environment.get("UIC_CONFIG")
    if named:
        yield _read("named", _existing(Path(named).expanduser(), "--config" if config else "UIC_CONFIG"))


def _read(layer: str, path: Path) -> Source:
    from unified_intelligence.config.files import read_file

    return Source(layer, path, "read", read_file(path))


def _existing(path: Path, named_by: str) -> Path:
    if not path.is_file():
        raise ConfigurationError(
            f"There is no configuration file {path}, named by {named_by}.", hint="See where they are: uic config path"
        )
    return path


def _provider_options(file: ConfigFile, layer: str) -> Layer:
    return {
        provider: {
            name: Resolved(value, file.where(PROVIDERS_KEY, provider, name), layer) for name, value in given.items()
        }
        for provider, given in file.providers.items()
    }


def _from_variables(variables: Mapping[str, Mapping[str, str]], environment: Environment) -> Layer:
    found = {
        provider: {
            option: Resolved(environment.get(variable), f"environment {variable}", "environment")
            for option, variable in of_provider.items()
            if environment.get(variable)
        }
        for provider, of_provider in variables.items()
    }
    return {provider: options for provider, options in found.items() if options}


def _for_any(found: Mapping[str, Resolved]) -> Layer:
    return {_ANY: {"model": found["model"]}} if "model" in found else {}


def _refuse_misspelt(environment: Environment) -> None:
    """A variable that is nearly one of ours does nothing, and nobody would be told."""
    ours = [*(setting.environment for setting in SETTINGS), *OTHER_ENVIRONMENT]
    for name in environment.variables:
        if name.startswith("UIC_") and name not in ours and (near := nearest(name, ours, least=0.85)):
            raise UnknownNameError("environment variable", name, near, hint=f"Unset it: unset {name}")


def _from_environment(environment: Environment) -> dict[str, Resolved]:
    _refuse_misspelt(environment)
    found: dict[str, Resolved] = {}
    for setting in SETTINGS:
        text = environment.get(setting.environment)
        try:
            if text:
                found[setting.name] = Resolved(
                    read_text(setting, text), f"environment {setting.environment}", "environment"
                )
        except ValueError as error:
            raise ConfigurationError(f"The environment variable {setting.environment} is {error}.") from error
    return found


def _from_flags(flags: Mapping[str, str | bool | list[str] | None]) -> dict[str, Resolved]:
    found: dict[str, Resolved] = {}
    for name, given in flags.items():
        flag = f"--{name.replace('_', '-')}"
        try:
            if given is not None:
                text = " ".join(given) if isinstance(given, list) else given
                value = read_text(known(name), text) if isinstance(text, str) else text
                found[name] = Resolved(value, f"flag {flag}", "flag")
        except ValueError as error:
            raise InvalidRequestError(f"{flag} is {error}.", hint="See: uic ask --help") from error
    return found
