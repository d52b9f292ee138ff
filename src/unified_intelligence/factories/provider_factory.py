"""The table of providers. To add one: a module under adapters/llm, one row here, one row in the contract suite."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from unified_intelligence.entities.errors import (
    ConfigurationError,
    MissingDependencyError,
    UnifiedIntelligenceError,
    UnknownNameError,
)
from unified_intelligence.interfaces.provider_factory import IProviderFactory

if TYPE_CHECKING:
    from unified_intelligence.factories.options import Option
    from unified_intelligence.interfaces.several import SeveralModels
    from unified_intelligence.interfaces.text_generator import ITextGenerator

_Kind = TypeVar("_Kind")
ENTRY_POINTS = "unified_intelligence.providers"


@dataclass(frozen=True, slots=True)
class Provider:
    """A row: where the adapter's class is, what it is in a line, and the pip extra that brings its libraries.

    `options` are the row's own defaults; `environment` names the variables an option that is not given is read from.
    `several` is a class that holds several of the row's generators: it is built, with what builds one of them, where
    its option `models` is given.
    """

    target: str
    summary: str
    extra: str = ""
    options: Mapping[str, object] = field(default_factory=dict[str, object])
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    several: str = ""


class Configured(NamedTuple):
    """What a row's own options are; `key_notes` say of its keys where they came from, by option."""

    options: Mapping[str, object]
    key_notes: Mapping[str, str] = {}


def _nothing(_: str) -> Configured:
    return Configured({})


_LLM = "unified_intelligence.adapters.llm"

PROVIDERS: dict[str, Provider] = {
    "embedded": Provider(
        f"{_LLM}.embedded_adapter:EmbeddedAdapter", "offline: finance, arithmetic, units, dates, a glossary"
    ),
    "echo": Provider(f"{_LLM}.echo_adapter:EchoAdapter", "says back what it was told: for tests and first steps"),
    "local": Provider(
        f"{_LLM}.transformers_adapter:TransformersAdapter",
        "a model of your own or of the Hub, run here",
        "local",
        several=f"{_LLM}.local_models:LocalModels",
    ),
    "openai_compatible": Provider(
        f"{_LLM}.openai_compatible_adapter:OpenAICompatibleAdapter",
        "any server with OpenAI's API: vLLM, llama.cpp, Ollama, a hosted one",
        environment={"base_url": "OPENAI_BASE_URL", "key": "OPENAI_API_KEY"},
    ),
    "open_finance_space": Provider(
        f"{_LLM}.openai_compatible_adapter:OpenAICompatibleAdapter",
        "the finance model's Docker Space",
        options={"model": "open-finance-llm-8b"},
        environment={
            "base_url": "OPEN_FINANCE_BASE_URL",
            "space": "OPEN_FINANCE_SPACE",
            "key": "OPEN_FINANCE_API_KEY",
            "hf_token": "HF_TOKEN",
        },
    ),
    "qwen3_zerogpu": Provider(
        f"{_LLM}.qwen3_zerogpu_adapter:Qwen3InferenceAdapter",
        "Qwen3 in a Gradio Space on ZeroGPU, or another Space with /respond",
        environment={"space": "QWEN3_ZEROGPU_SPACE", "token": "HF_TOKEN"},
    ),
    "qwen3_zerogpu_eval": Provider(
        f"{_LLM}.qwen3_zerogpu_adapter:Qwen3ZeroGPUAdapter",
        "the evaluation Space, a question a call",
        environment={"space": "QWEN3_ZEROGPU_EVAL_SPACE", "token": "HF_TOKEN"},
    ),
    "fallback": Provider(
        f"{_LLM}.fallback_adapter:FallbackAdapter", "several of the others: the first that can answer does"
    ),
}


class ProviderFactory(IProviderFactory):
    """Built-in rows first, then those of the user's own, then entry points of `unified_intelligence.providers`.

    `configured` are rows of the user's own: a name of his, and the built-in provider or plugin that it is of.
    `options_of_row` tells the options of a provider that is built for another one, which is made of several.
    """

    def __init__(
        self, configured: Mapping[str, str] | None = None, options_of_row: Callable[[str], Configured] = _nothing
    ) -> None:
        """Raises ConfigurationError for a row that would make something else of a built-in name."""
        self._options_of_row = options_of_row
        self._configured = {name: kind for name, kind in (configured or {}).items() if name != kind}
        for name in self._configured.keys() & PROVIDERS.keys():
            raise ConfigurationError(
                f"{name} is built in and cannot be of the type {self._configured[name]}.",
                hint="Give the row a name of its own.",
                provider=name,
            )

    def names(self) -> tuple[str, ...]:
        others = self._configured.keys() | self._plugins().keys()
        return (*PROVIDERS, *sorted(others - PROVIDERS.keys()))

    def provider(self, name: str) -> Provider:
        """The row of a name. Raises UnknownNameError.

        A row of the user's own reads no environment: a key in a variable belongs to the row that the variable is for.
        """
        kind = self._configured.get(name, name)
        found = PROVIDERS.get(kind) or self._plugins().get(kind)
        if found is None and kind != name:
            raise UnknownNameError("type of provider", kind, [*PROVIDERS, *self._plugins()], provider=name)
        if found is None:
            about = {row: provider.summary for row, provider in PROVIDERS.items()}
            raise UnknownNameError("provider", name, self.names(), hint="List them: uic providers", about=about)
        return found if kind == name else replace(found, summary=f"{kind}, configured", environment={})

    def options(self, name: str) -> tuple[Option, ...]:
        """What `create` accepts for a provider. Raises UnknownNameError, MissingDependencyError."""
        from unified_intelligence.factories.options import options_of

        row, own = self.provider(name).options, options_of(self._adapter(name))
        several = options_of(holder) if (holder := self._holder(name)) else ()
        more = [replace(option, default=None) for option in several if option.name not in {each.name for each in own}]
        return tuple(replace(option, default=row.get(option.name, option.default)) for option in (*own, *more))

    def create(self, name: str, **options: object) -> ITextGenerator:
        return self.build(name, Configured(options))

    def build(self, name: str, given: Configured, within: tuple[str, ...] = ()) -> ITextGenerator:
        """Like `create`; `within` are the rows that this one is built for, the outermost first."""
        from unified_intelligence.factories.options import bind, options_of
        from unified_intelligence.factories.routes import Routes
        from unified_intelligence.interfaces.composition import ComposedTextGenerator, KeyedTextGenerator

        adapter, options = self._adapter(name), {option.name: option for option in self.options(name)}
        values = {**self.provider(name).options, **given.options}
        holder = self._holder(name) if values.get("models") else None
        if holder:
            options.update({option.name: option for option in options_of(holder)})
        elif self._holder(name):
            values.pop("models", None)
        arguments = bind(name, options.values(), values)
        try:
            with self._libraries_of(name):
                if holder:
                    return holder(adapter, **arguments)
                if issubclass(adapter, ComposedTextGenerator):
                    return adapter(Routes(self, self._options_of_row, (*within, name)), **arguments)
                generator = adapter(**arguments)
                if isinstance(generator, KeyedTextGenerator):
                    generator.key_notes = given.key_notes
                return generator
        except UnifiedIntelligenceError as error:
            error.provider = error.provider or name
            if isinstance(error, ConfigurationError):
                error.hint += self._variables_for(name, error.hint, given)
            raise

    def _variables_for(self, name: str, hint: str, given: Configured) -> str:
        """How the hint goes on: the variables that could give the options it names, where they are not given."""
        variables = [
            variable
            for option, variable in self.provider(name).environment.items()
            if f"-o {option} " in hint and option not in given.options
        ]
        return f", or set {' or '.join(variables)}" if variables else ""

    def _adapter(self, name: str) -> type[ITextGenerator]:
        from unified_intelligence.interfaces.text_generator import ITextGenerator

        return self._class(name, self.provider(name).target, ITextGenerator)

    def _holder(self, name: str) -> type[SeveralModels] | None:
        """The class that holds several of the row's generators; None where the row has none."""
        from unified_intelligence.interfaces.several import SeveralModels

        several = self.provider(name).several
        return self._class(name, several, SeveralModels) if several else None

    def _class(self, name: str, target: str, kind: type[_Kind]) -> type[_Kind]:
        module, _, attribute = target.partition(":")
        with self._plugin_is_to_blame(name), self._libraries_of(name):
            loaded: object = getattr(importlib.import_module(module), attribute, None)
        if not (isinstance(loaded, type) and issubclass(loaded, kind)):
            raise ConfigurationError(f"{target} is not there or no {kind.__name__}.", provider=name)
        return loaded

    @staticmethod
    def _plugins() -> dict[str, Provider]:
        from importlib.metadata import entry_points

        return {
            point.name: Provider(point.value, f"plugin of {point.dist.name if point.dist else 'an unnamed package'}")
            for point in entry_points(group=ENTRY_POINTS)
        }

    @contextmanager
    def _libraries_of(self, name: str) -> Generator[None]:
        """A library that is missing becomes one sentence that says what to install; a module of ours stays a bug."""
        try:
            yield
        except ModuleNotFoundError as error:
            missing = (error.name or "").partition(".")[0]
            provider = self.provider(name)
            if not self._is_built_in(name):
                raise ConfigurationError(
                    f"{name}, a {self._plugin(name).summary}, needs the module {missing!r}, which is not installed.",
                    hint="Install that package again with what it requires.",
                    provider=name,
                ) from error
            if not provider.extra or missing == "unified_intelligence":
                raise
            raise MissingDependencyError(name, missing, provider.extra) from error

    @contextmanager
    def _plugin_is_to_blame(self, name: str) -> Generator[None]:
        """Whatever goes wrong while somebody else's module is imported is told as theirs."""
        try:
            yield
        except Exception as error:
            if self._is_built_in(name) or isinstance(error, ConfigurationError):
                raise
            plugin = self._plugin(name)
            raise ConfigurationError(
                f"{name}, a {plugin.summary}, cannot be loaded from {plugin.target}: {type(error).__name__}: {error}",
                hint="Mend or uninstall that package.",
                provider=name,
            ) from error

    def _is_built_in(self, name: str) -> bool:
        return self._configured.get(name, name) in PROVIDERS

    def _plugin(self, name: str) -> Provider:
        return self._plugins()[self._configured.get(name, name)]
