"""Several models in this process, each under a name of its own, with an engine and a scheduler of its own.

Their memory is shared out before the first is loaded; on one device they compute in turns. Asked as if it were one
model, the one that the option `model` names answers, and only that one is loaded.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Annotated

from unified_intelligence.engine.place import device_of, free_memory
from unified_intelligence.engine.weights import room_for_each
from unified_intelligence.entities.errors import ConfigurationError, UnifiedIntelligenceError, UnknownNameError
from unified_intelligence.entities.generation import Event, Generation, GenerationConfig, ResponseFormat
from unified_intelligence.entities.message import MessageLike
from unified_intelligence.interfaces.several import IHeldModel, SeveralModels, Weight
from unified_intelligence.interfaces.text_embedder import Embeddings, ITextEmbedder
from unified_intelligence.interfaces.text_generator import InProcessTextGenerator
from unified_intelligence.interfaces.tokenizer import ITokenizer

_OF_ONE = ("revision", "draft", "parallel", "device_map", "max_memory")


class LocalModels(SeveralModels, InProcessTextGenerator, ITokenizer, ITextEmbedder):
    """Built by `make` one by one, with the same options. An adapter is called MODEL/NAME, after the model it is for."""

    def __init__(
        self,
        make: Callable[..., IHeldModel],
        *,
        models: Annotated[
            dict[str, str], "several by name, such as small=./a,large=./b; then model is one of the names"
        ],
        model: Annotated[str | None, "of them, who answers where a request names none; default: the first"] = None,
        adapters: Annotated[dict[str, str] | None, "LoRA adapters, such as large/fr=./fr"] = None,
        adapter: Annotated[str | None, "of them, who answers where a request names none"] = None,
        memory: Annotated[float | None, "GB for the conversations of all; default: half of what is free"] = None,
        **others: object,
    ) -> None:
        for name in _OF_ONE:
            if others.get(name) not in {None, 1}:
                raise ConfigurationError(
                    f"The option {name} is for one model, and the option models gives several.", hint="Leave one out."
                )
        beside = _by_model(models, adapters or {})
        if adapter is not None and not any(adapter in own for own in beside.values()):
            names = [name for own in beside.values() for name in own]
            raise UnknownNameError("adapter", adapter, names, hint="Name it: -o adapters MODEL/NAME=FOLDER")
        own = next((name for name in models if adapter in beside[name]), next(iter(models))) if model is None else model
        if own not in models:
            raise UnknownNameError("model", own, models, hint=f"Choose one of them: --model {next(iter(models))}")
        self._device, self._memory = str(others.get("device", "auto")), memory
        self._models: dict[str, IHeldModel] = {}
        for name in sorted(models, key=lambda name: name != own):
            first = adapter if adapter in beside[name] else None
            with _called(name):
                self._models[name] = make(
                    model=models[name], adapters=beside[name], adapter=first, memory=memory, **others
                )
        self._own = self._models[own]

    @property
    def models(self) -> Mapping[str, IHeldModel]:
        return self._models

    @property
    def honoured(self) -> frozenset[str]:  # pyright: ignore[reportIncompatibleVariableOverride] - that of who answers
        return self._own.honoured

    @property
    def at_once(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride] - as above
        return self._own.at_once

    @property
    def adapters(self) -> tuple[str, ...]:  # pyright: ignore[reportIncompatibleVariableOverride] - as above
        return self._own.adapters

    @property
    def explanation(self) -> str:
        return self._own.explanation

    def enforces(self, wanted: ResponseFormat) -> bool:
        return self._own.enforces(wanted)

    def astream(
        self, messages: str | Sequence[MessageLike], config: GenerationConfig | None = None
    ) -> AsyncIterator[Event]:
        return self._own.astream(messages, config)

    def stream(
        self, messages: str | Sequence[MessageLike], config: GenerationConfig | None = None
    ) -> Generator[Event, None, None]:
        yield from self._own.stream(messages, config)

    def generate(self, messages: str | Sequence[MessageLike], config: GenerationConfig | None = None) -> Generation:
        return self._own.generate(messages, config)

    async def aprepare(self) -> None:
        import asyncio

        await asyncio.to_thread(self._share_memory)

    async def aload(self) -> None:
        await self._own.aload()

    def encode(self, text: str) -> list[int]:
        return self._own.encode(text)

    def decode(self, tokens: Sequence[int]) -> str:
        return self._own.decode(tokens)

    def encode_conversation(
        self, messages: str | Sequence[MessageLike], config: GenerationConfig | None = None
    ) -> list[int]:
        return self._own.encode_conversation(messages, config)

    @property
    def longest_context(self) -> int | None:
        return self._own.longest_context

    async def aembed(
        self, texts: Sequence[str], *, dimensions: int | None = None, prompt_name: str | None = None
    ) -> Embeddings:
        return await self._own.aembed(texts, dimensions=dimensions, prompt_name=prompt_name)

    def close(self) -> None:
        for model in self.models.values():
            model.close()

    def _share_memory(self) -> None:
        weights: dict[str, Weight] = {}
        for name, model in self.models.items():
            with suppress(UnifiedIntelligenceError):  # it is told when that one is loaded
                weights[name] = model.weigh()
        if not weights:
            return
        room = room_for_each(weights, free_memory(device_of(self._device)), self._memory)
        for model in self.models.values():
            model.give_room(room)


@contextmanager
def _called(name: str) -> Generator[None]:
    """Says of an error which model it is about."""
    try:
        yield
    except UnifiedIntelligenceError as error:
        error.message = f"{name}: {error.message}"
        raise


def _by_model(models: Mapping[str, str], adapters: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """The adapters of each model. Raises ConfigurationError for one whose name begins with none, or is a model's."""
    found: dict[str, dict[str, str]] = {name: {} for name in models}
    for adapter, where in adapters.items():
        owners = [name for name in models if adapter.startswith(f"{name}/")]
        if not owners or adapter in models:
            raise ConfigurationError(
                f"Whose adapter is {adapter}? With several models an adapter is called MODEL/NAME.",
                hint=f"For example: -o adapters {next(iter(models))}/{adapter}={where}",
            )
        found[max(owners, key=len)][adapter] = where
    return found
