"""A model of your own or of the Hub, run in this process by Transformers and PyTorch.

Building it looks only at the files; weights are read (or downloaded) when the first answer is asked for, and kept.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Generator, Sequence
from contextlib import contextmanager
from threading import Event as Flag
from threading import Lock
from typing import TYPE_CHECKING, Annotated

from unified_intelligence.engine import grammar, load, prompt
from unified_intelligence.engine.answer import Reader
from unified_intelligence.engine.decode import tokens
from unified_intelligence.engine.embed import embed
from unified_intelligence.engine.place import Dtype, set_threads
from unified_intelligence.engine.request import Request
from unified_intelligence.entities.errors import InvalidRequestError, UnifiedIntelligenceError
from unified_intelligence.entities.generation import (
    Event,
    Finished,
    GenerationConfig,
    Notice,
    ResponseFormat,
    Timings,
    Usage,
)
from unified_intelligence.entities.message import MessageLike, read_messages
from unified_intelligence.interfaces.text_embedder import Embeddings, ITextEmbedder
from unified_intelligence.interfaces.text_generator import InProcessTextGenerator, beside_loop
from unified_intelligence.interfaces.tokenizer import ITokenizer
from unified_intelligence.profiles import qwen3

if TYPE_CHECKING:
    from pathlib import Path

_BY_TEMPLATE = {  # what only a model can do in whose chat template this is written
    "thinking": qwen3.THINKING_SWITCH,
    "thinking_budget": qwen3.TAGS["reasoning"][1],
    "tools": "tools",
    "tool_choice": qwen3.TAGS["tool_call"][1],
    "parallel_tool_calls": qwen3.TAGS["tool_call"][1],
}
_BY_GRAMMAR = frozenset({"response_format", "tool_choice", "parallel_tool_calls"})


class TransformersAdapter(InProcessTextGenerator, ITokenizer, ITextEmbedder):
    """Any causal model of transformers that has a chat template; several answers advance side by side.

    Without temperature in the request, Qwen3 is sampled as its card recommends, others as their
    generation_config.json says. Stop sequences end the visible text only, never the reasoning. A think block is closed
    at its budget, and before it leaves no room for an answer. Forms of an answer are enforced where llguidance is
    installed: nothing else can be generated.

    `honoured` leaves out what the chat template knows nothing of; of a Hub id that is known once it is loaded.
    """

    honoured = frozenset({
        "max_tokens", "min_tokens", "temperature", "top_p", "top_k", "min_p", "presence_penalty", "frequency_penalty",
        "repetition_penalty", "seed", "stop", "logprobs", *_BY_TEMPLATE, *_BY_GRAMMAR,
    })  # fmt: skip

    def __init__(
        self,
        *,
        model: Annotated[str, "a folder with config.json and safetensors, or a Hub id such as Qwen/Qwen3-0.6B"],
        revision: Annotated[str | None, "branch, tag or commit of a Hub id"] = None,
        dtype: Annotated[Dtype, "number type; auto: as saved"] = "auto",
        device: Annotated[str, "auto, cpu, cuda, cuda:1, mps"] = "auto",
        threads: Annotated[int | None, "CPU threads; default: the cores this process may use"] = None,
        cache_dir: Annotated[str | None, "where Hub models are kept; default: the Hub's own cache"] = None,
        offline: Annotated[bool, "never ask the Hub, use what is in the cache"] = False,
    ) -> None:
        load.require_libraries()
        self.honoured = self._honoured()
        self._model, self._revision, self._cache_dir, self._offline = model, revision, cache_dir, offline
        self._dtype: Dtype = dtype
        self._device, self._threads = device, threads
        self._folder = load.local_folder(model)
        if self._folder:
            self._check(self._folder)
        self._loaded: load.Loaded | None = None
        self._loading, self._turn = Lock(), Lock()

    def stream(
        self, messages: str | Sequence[MessageLike], config: GenerationConfig | None = None
    ) -> Generator[Event, None, None]:
        return self._answer(messages, config or GenerationConfig(), Flag())

    async def astream(
        self, messages: str | Sequence[MessageLike], config: GenerationConfig | None = None
    ) -> AsyncIterator[Event]:
        """As `stream`; a cancelled one stops after the token being computed, even inside a long tool call."""
        cancelled = Flag()
        events = beside_loop(self._answer(messages, config or GenerationConfig(), cancelled))
        try:
            async for event in events:
                yield event
        finally:
            cancelled.set()
            await events.aclose()

    async def aload(self) -> None:
        """Loads the model, or downloads it first. Raises what an answer would raise."""
        import asyncio

        with _named():
            await asyncio.to_thread(self._ready)

    def encode(self, text: str) -> list[int]:
        with _named():
            return prompt.encode(self._ready(), text)

    def decode(self, tokens: Sequence[int]) -> str:
        with _named():
            return prompt.decode(self._ready(), tokens)

    def encode_conversation(
        self, messages: str | Sequence[MessageLike], config: GenerationConfig | None = None
    ) -> list[int]:
        """Also of a conversation that is too long to be answered."""
        with _named():
            turns, loaded = read_messages(messages), self._ready()
            return prompt.encode(loaded, prompt.write(loaded, turns, config or GenerationConfig()))

    @property
    def longest_context(self) -> int:
        with _named():
            return self._ready().longest

    async def aembed(self, texts: Sequence[str], *, dimensions: int | None = None) -> Embeddings:
        """The mean of the model's last states over a text: comparable, but no trained embedding.

        Raises ContextLengthError, ModelError besides.
        """
        import asyncio

        cancelled = Flag()

        def work() -> Embeddings:
            loaded = self._ready()
            read = [prompt.encode(loaded, text) for text in texts]
            return embed(loaded, read, dimensions, self._turn, cancelled)

        try:
            with _named():
                return await asyncio.to_thread(work)
        finally:
            cancelled.set()

    def enforces(self, wanted: ResponseFormat) -> bool:
        return grammar.is_enforceable(wanted)

    def close(self) -> None:
        """Forgets the weights; the next answer loads them again."""
        with self._loading:
            self._loaded = None

    def _answer(
        self, messages: str | Sequence[MessageLike], config: GenerationConfig, cancelled: Flag
    ) -> Generator[Event, None, None]:
        started, first = time.perf_counter(), 0.0
        with _named():
            turns = read_messages(messages)
            loaded = self._ready()
            if config.thinking_budget is not None and "thinking_budget" not in self.honoured:
                raise InvalidRequestError("The model writes no think block: thinking_budget means nothing to it.")
            request = Request.of(loaded, turns, config)
            reader = Reader(prompt.text_of(loaded), request.rules)
            if request.constraint and request.constraint.lacks:
                yield Notice(request.constraint.lacks)
            steps = tokens(
                loaded.model, request.plan, request.thinking(loaded), self._turn, cancelled, request.constraint
            )
            for event in reader.read(steps):
                first = first or time.perf_counter() - started
                yield event
        total = time.perf_counter() - started
        usage = Usage(len(request.plan.prompt), reader.tokens, reader.reasoning_tokens)
        yield Finished(reader.finish_reason, usage, Timings(first or total, total))

    def _ready(self) -> load.Loaded:
        with self._loading:
            if self._loaded is None:
                folder = self._folder or load.download(
                    self._model, revision=self._revision, cache_dir=self._cache_dir, offline=self._offline
                )
                self._check(folder)
                set_threads(self._threads)
                self._loaded = load.load(folder, dtype=self._dtype, device=self._device)
            return self._loaded

    def _check(self, folder: Path) -> None:
        load.check_code(folder)
        load.check_weights(folder)
        if template := load.template_files(folder):
            self.honoured = self._honoured() - {name for name, sign in _BY_TEMPLATE.items() if sign not in template}

    @classmethod
    def _honoured(cls) -> frozenset[str]:
        return cls.honoured if grammar.is_installed() else cls.honoured - _BY_GRAMMAR


@contextmanager
def _named() -> Generator[None]:
    """Says of an error who raised it."""
    try:
        yield
    except UnifiedIntelligenceError as error:
        error.provider = error.provider or "local"
        raise
