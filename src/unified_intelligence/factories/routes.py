"""How a provider that is made of others gets them: by the names of their rows, each with the options of its row."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from unified_intelligence.config.keys import is_secret
from unified_intelligence.entities.errors import ConfigurationError
from unified_intelligence.interfaces.composition import IRouteBuilder

if TYPE_CHECKING:
    from unified_intelligence.factories.provider_factory import Configured, ProviderFactory
    from unified_intelligence.interfaces.text_generator import ITextGenerator


class Routes(IRouteBuilder):
    """Builds what the last row of `within` is made of; the others are those that one is built for."""

    def __init__(
        self, factory: ProviderFactory, options_of_row: Callable[[str], Configured], within: tuple[str, ...]
    ) -> None:
        self._factory, self._options_of_row, self._within = factory, options_of_row, within

    def build(self, name: str, **otherwise: object) -> ITextGenerator:
        if name in self._within:
            raise ConfigurationError(
                f"The routes of {self._within[0]} lead in a circle: {' -> '.join((*self._within, name))}.",
                hint=f"Take {name} out of the routes of {self._within[-1]}.",
                provider=self._within[0],
            )
        row = self._factory.provider(name)
        known = {option.name for option in self._factory.options(name)} - row.options.keys()
        given = self._options_of_row(name)
        options = {**{option: value for option, value in otherwise.items() if option in known}, **given.options}
        try:
            return self._factory.build(name, given._replace(options=options), self._within)
        except ConfigurationError as error:
            if error.provider == name and any(word.startswith("-") for word in error.hint.split()):
                error.message = f"The route {name}: {error.message}"  # a flag would be for the provider of the routes
                read = self._factory.provider(name).environment.items()
                variables = " or ".join(variable for option, variable in read if not is_secret(option))
                error.hint = f'Give {name} its options in your configuration: "providers": {{"{name}": {{...}}}}'
                error.hint += f", or set {variables}" if variables else ""
            raise
