"""A model of your own or of the Hub, run in this process by Transformers and PyTorch.

Building it looks only at the files; weights are read (or downloaded) when the first answer is asked for, and kept.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Generator, Sequence
from threading import Event as Flag
from threading import Lock
from typing import TYPE_CHECKING, Annotated

from unified_intelligence.engine import load, prompt
from unified_intelligence.engine.answer import Reader
from unified_intelligence.engine.decode import Plan, TextOfTokens, tokens
from unified_intelligence.engine.place import Dtype, set_threads
from unified_intelligence.entities.errors import UnifiedIntelligenceError
from unified_intelligence.entities.generation import Event, Finished, GenerationConfig, Timings, Usage
from unified_intelligence.entities.message import Message, MessageLike, read_messages
from unified_intelligence.entities.reasoning import Tags, TagSplitter
from unified_intelligence.entities.stop_sequences import StopSequences
from unified_intelligence.interfaces.text_generator import InProcessTextGenerator, beside_loop
from unified_intelligence.profiles import qwen3
from unified_intelligence.profiles.sampling import Sampling

if TYPE_CHECKING:
    from pathlib import Path

DEFAULT_MAX_TOKENS = 4096  # as far as the context has room


class TransformersAdapter(InProcessTextGenerator):
    """Any causal model of transformers that has a chat template; several answers advance side by side.

    Without temperature in the request, Qwen3 is sampled as its card recommends, others as their
    generation_config.json says. Stop sequences end the visible text only, never the reasoning.
    """

    honoured = frozenset({"max_tokens", "temperature", "top_p", "seed", "stop", "thinking", "tools"})

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
        self._model, self._revision, self._cache_dir, self._offline = model, revision, cache_dir, offline
        self._dtype: Dtype = dtype
        self._device, self._threads = device, threads
        self._folder = load.local_folder(model)
        if self._folder:
            _check(self._folder)
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

    def close(self) -> None:
        """Forgets the weights; the next answer loads them again."""
        with self._loading:
            self._loaded = None

    def _answer(
        self, messages: str | Sequence[MessageLike], config: GenerationConfig, cancelled: Flag
    ) -> Generator[Event, None, None]:
        started, first = time.perf_counter(), 0.0
        try:
            turns = read_messages(messages)
            loaded = self._ready()
            text = prompt.write(loaded, turns, config)
            plan = _plan(loaded, prompt.encode(loaded, text), config)
            reader = _reader(loaded, turns, config, text)
            for event in reader.read(tokens(loaded.model, plan, self._turn, cancelled)):
                first = first or time.perf_counter() - started
                yield event
        except UnifiedIntelligenceError as error:
            error.provider = error.provider or "local"
            raise
        total = time.perf_counter() - started
        usage = Usage(len(plan.prompt), reader.tokens, reader.reasoning_tokens)
        yield Finished(reader.finish_reason, usage, Timings(first or total, total))

    def _ready(self) -> load.Loaded:
        with self._loading:
            if self._loaded is None:
                folder = self._folder or load.download(
                    self._model, revision=self._revision, cache_dir=self._cache_dir, offline=self._offline
                )
                _check(folder)
                set_threads(self._threads)
                self._loaded = load.load(folder, dtype=self._dtype, device=self._device)
            return self._loaded


def _check(folder: Path) -> None:
    load.check_code(folder)
    load.check_weights(folder)


def _plan(loaded: load.Loaded, tokens_of_prompt: list[int], config: GenerationConfig) -> Plan:
    room = loaded.longest - len(tokens_of_prompt)
    wanted = DEFAULT_MAX_TOKENS if config.max_tokens is None else config.max_tokens
    return Plan(tokens_of_prompt, min(wanted, room), loaded.ends, _sampling(loaded, config), config.seed)


def _reader(loaded: load.Loaded, turns: Sequence[Message], config: GenerationConfig, text: str) -> Reader:
    """Reads the tags the model's template writes; calls only where tools were offered, or quoting one would be one."""
    template = prompt.template_of(loaded)
    tags: Tags = {
        channel: pair
        for channel, pair in qwen3.TAGS.items()
        if pair[1] in template and (channel == "reasoning" or config.tools)
    }
    opened = "reasoning" in tags and text.rstrip().endswith(tags["reasoning"][0])
    return Reader(
        TextOfTokens(lambda ids: str(loaded.tokenizer.decode(ids, skip_special_tokens=True))),
        TagSplitter(tags, "reasoning" if opened else "text"),
        StopSequences(config.stop),
        calls_before=sum(len(turn.tool_calls) for turn in turns),
    )


def _sampling(loaded: load.Loaded, config: GenerationConfig) -> Sampling:
    saved = loaded.generation
    if loaded.is_qwen3:
        thinks = qwen3.TAGS["reasoning"][0] in prompt.template_of(loaded)
        base = qwen3.recommended_sampling(thinking=thinks and config.thinking is not False)
    elif saved.do_sample:
        base = Sampling(saved.temperature or 1.0, saved.top_p or 1.0, saved.top_k or 0)
    else:
        base = Sampling(0.0)
    return Sampling(
        base.temperature if config.temperature is None else config.temperature,
        base.top_p if config.top_p is None else config.top_p,
        base.top_k,
    )
