"""What a Gradio Space is set to: its variables, their defaults, and what each is for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, TypeVar, get_type_hints

from unified_intelligence.entities.errors import ConfigurationError

EMBEDDED = "embedded"


@dataclass(frozen=True, slots=True, kw_only=True)
class SpaceSettings:
    """A field is the variable of the same name in capitals; one that is not set, or empty, has its default.

    model_id is a Hub id, a folder, or `embedded` for the model in the package; an empty model_revision is the newest.
    dtype, quantization and engine are the options of the provider `local`. max_tokens is the most an answer may ask
    for, default_tokens what one gets that asks for nothing. gpu_seconds is the longest a call may hold a GPU, which
    reads prompts at gpu_reads and writes at gpu_writes tokens a second. answers_at_once run side by side,
    answers_waiting more wait for their turn. aot_compile is `on` or `off`. space_id and accelerator are set by the Hub.
    """

    model_id: str = "Qwen/Qwen3-8B"
    model_revision: str = ""
    dtype: str = "bfloat16"
    quantization: str = "none"
    engine: str = "auto"
    max_tokens: int = 4096
    default_tokens: int = 2048
    gpu_size: str = "large"
    gpu_seconds: int = 120
    gpu_start: int = 10
    gpu_reads: int = 2000
    gpu_writes: int = 40
    answers_at_once: int = 4
    answers_waiting: int = 32
    aot_compile: str = "off"
    space_id: str = ""
    accelerator: str = ""

    @property
    def is_embedded(self) -> bool:
        return self.model_id == EMBEDDED

    def provider(self) -> tuple[str, dict[str, object]]:
        """The name of the provider that runs the model here, and its options."""
        if self.is_embedded:
            return EMBEDDED, {}
        options: dict[str, object] = {
            "model": self.model_id,
            "dtype": self.dtype,
            "quantization": self.quantization,
            "engine": self.engine,
        }
        return "local", options | ({"revision": self.model_revision} if self.model_revision else {})


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationSettings(SpaceSettings):
    """Calls are shorter, because callers have little quota; samples_at_once are answered side by side in one."""

    gpu_seconds: int = 60
    samples_at_once: int = 8


S = TypeVar("S", bound=SpaceSettings)


def read_space_settings(variables: Mapping[str, str], kind: type[S] = SpaceSettings) -> S:
    """Raises ConfigurationError for a number that is none, or that leaves no room for an answer."""
    kinds = get_type_hints(kind)
    given = {own.name: text.strip() for own in fields(kind) if (text := variables.get(own.name.upper(), ""))}
    values: dict[str, Any] = {
        name: _number(name, text) if kinds[name] is int else text for name, text in given.items() if text
    }
    settings = kind(**values)
    if settings.default_tokens > settings.max_tokens:
        raise ConfigurationError(
            f"DEFAULT_TOKENS is {settings.default_tokens}, more than MAX_TOKENS, {settings.max_tokens}.",
            hint="Set both, or a larger MAX_TOKENS.",
        )
    if settings.aot_compile not in {"on", "off"}:
        raise ConfigurationError(f"AOT_COMPILE is on or off, not {settings.aot_compile!r}.")
    return settings


def _number(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text)):
        raise ConfigurationError(
            f"{name.upper()} is a whole number from 1, not {text!r}.", hint="Mend it in the Space's settings."
        )
    return int(text)
