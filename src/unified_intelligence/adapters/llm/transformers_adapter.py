"""A model of your own or of the Hub, run in this process by Transformers and PyTorch.

Building it looks only at the files; weights are read (or downloaded) when the first answer is asked for, and kept.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Generator, Sequence
from contextlib import aclosing, closing, contextmanager
from threading import Event as Flag
from threading import Lock
from typing import TYPE_CHECKING, Annotated, Any, TypedDict

from unified_intelligence.engine import grammar, load, prompt
from unified_intelligence.engine.answer import Reader
from unified_intelligence.engine.answering import Answer
from unified_intelligence.engine.arrange import Attention, Quantized
from unified_intelligence.engine.compiled import Compile
from unified_intelligence.engine.decode import Writing
from unified_intelligence.engine.divided import check, load_divided
from unified_intelligence.engine.embed import embed
from unified_intelligence.engine.huge_pages import LargePages
from unified_intelligence.engine.place import Dtype, device_of, set_threads
from unified_intelligence.engine.rank import Part
from unified_intelligence.engine.request import Least, Request
from unified_intelligence.engine.sources import Found, Sources
from unified_intelligence.engine.speculation import Guessing
from unified_intelligence.engine.start import SLOTS, Pass, Running, check_room, start
from unified_intelligence.engine.weights import weight_of
from unified_intelligence.entities.errors import (
    ConfigurationError,
    InvalidRequestError,
    UnifiedIntelligenceError,
    UnknownNameError,
)
from unified_intelligence.entities.generation import Event, GenerationConfig, Notice, ResponseFormat
from unified_intelligence.entities.message import MessageLike, read_messages
from unified_intelligence.interfaces.compilable import ICompilable
from unified_intelligence.interfaces.several import IHeldModel, Weight
from unified_intelligence.interfaces.text_embedder import Embeddings
from unified_intelligence.interfaces.text_generator import InProcessTextGenerator
from unified_intelligence.profiles import qwen3

if TYPE_CHECKING:
    import asyncio
    from pathlib import Path


_BY_TEMPLATE = {  # what only a model can do in whose chat template this is written
    "thinking": qwen3.THINKING_SWITCH,
    "thinking_budget": qwen3.TAGS["reasoning"][1],
    "tools": "tools",
    "tool_choice": qwen3.TAGS["tool_call"][1],
    "parallel_tool_calls": qwen3.TAGS["tool_call"][1],
}
_BY_GRAMMAR = frozenset({"response_format", "tool_choice", "parallel_tool_calls"})


class TransformersAdapter(InProcessTextGenerator, IHeldModel, ICompilable):
    """Any causal model of transformers that has a chat template; several answers advance side by side, in one
    pass of the model, and what two conversations begin with is read once.

    Without temperature in the request, Qwen3 is sampled as its card recommends, others as their
    generation_config.json says. Stop sequences end the visible text only, never the reasoning. A think block is closed
    at its budget, and before it leaves no room for an answer. Forms of an answer are enforced where llguidance is
    installed: nothing else can be generated.

    `honoured` leaves out what the chat template knows nothing of; of a Hub id that is known once it is loaded.
    """

    honoured = frozenset({
        "max_tokens", "min_tokens", "temperature", "top_p", "top_k", "min_p", "presence_penalty", "frequency_penalty",
        "repetition_penalty", "seed", "stop", "logprobs", "adapter", "priority", "max_wait",
        *_BY_TEMPLATE, *_BY_GRAMMAR,
    })  # fmt: skip
    _running: Running | None = None
    _least: Least

    def __init__(  # noqa: PLR0913 - each is an option of the command line
        self,
        *,
        model: Annotated[str, "a folder with config.json and safetensors, or a Hub id such as Qwen/Qwen3-0.6B"],
        revision: Annotated[str | None, "branch, tag or commit of a Hub id"] = None,
        dtype: Annotated[Dtype, "number type; auto: as saved"] = "auto",
        device: Annotated[str, "auto, cpu, cuda, cuda:1, mps"] = "auto",
        threads: Annotated[int | None, "CPU threads; default: the cores this process may use"] = None,
        engine: Annotated[Pass, "forward pass; auto: fused where it can be"] = "auto",
        quantization: Annotated[Quantized, "weights in fewer bits"] = "none",
        compile: Annotated[Compile, "steps of single tokens; auto: CUDA graphs on a GPU"] = "auto",
        attention: Annotated[Attention, "kernel of Transformers; auto: flash attention where it runs"] = "auto",
        large_pages: Annotated[LargePages, "for weights on a CPU; auto: as a server starts, else in pauses"] = "auto",
        device_map: Annotated[str | None, "spread over devices by accelerate, such as auto"] = None,
        max_memory: Annotated[str | None, "for device_map, such as 0=20GiB,cpu=30GiB"] = None,
        parallel: Annotated[int, "devices of this machine that the model is divided over"] = 1,
        slots: Annotated[int | None, "answers at once; default: 16, on a GPU 64"] = None,
        memory: Annotated[float | None, "GB for conversations; default: half of what is free"] = None,
        queue: Annotated[int, "requests that may wait for a slot"] = 256,
        speculation: Annotated[Guessing | None, "guess what repeats: auto where it pays, lookup always"] = None,
        draft: Annotated[str | None, "a small model of the same vocabulary that guesses: folder or Hub id"] = None,
        adapters: Annotated[dict[str, str] | None, "LoRA adapters by name, such as fr=./fr: folders or Hub ids"] = None,
        adapter: Annotated[str | None, "of them, who answers where a request names none; default: the model"] = None,
        min_tokens: Annotated[Least, "before an answer may end; auto: a tenth of max_tokens, at least 10"] = "none",
        trust_remote_code: Annotated[list[str] | None, "models whose own code may run, each MODEL@COMMIT"] = None,
        cache_dir: Annotated[str | None, "where Hub models are kept; default: the Hub's own cache"] = None,
        offline: Annotated[bool, "never ask the Hub, use what is in the cache"] = False,
    ) -> None:
        load.require_libraries()
        self._sources = Sources(cache_dir=cache_dir, offline=offline, trusted=trust_remote_code or ())
        self._model, self._revision, self._draft, self._threads = model, revision, draft, threads
        self._adapters, self._adapter, self._parallel = adapters or {}, adapter or "", parallel
        self.adapters, self.at_once = tuple(self._adapters), slots or SLOTS
        arranged: _Arranged = {"attention": attention, "device_map": device_map, "max_memory": max_memory}
        self._placed: _Placed = {"dtype": dtype, "device": device, **arranged}
        room: _Room = {"slots": slots, "memory": memory, "queue": queue, "large_pages": large_pages}
        way: _Way = {"forward": engine, "quantization": quantization, "compile": compile}
        self._run: _Run = {"speculation": speculation or ("auto" if draft else "none"), **way, **room}
        self.honoured, self._least, self._loading = self._honoured(), min_tokens, Lock()
        self._check(room)

    def stream(
        self, messages: str | Sequence[MessageLike], config: GenerationConfig | None = None
    ) -> Generator[Event, None, None]:
        with _named():
            answer = self._begin(messages, config or GenerationConfig(), None)
            with closing(answer.ticket):  # also while the notice is read, when nobody has asked for a token yet
                if answer.notice:
                    yield Notice(answer.notice)
                for event in answer.reader.read(answer.ticket.tokens()):
                    answer.note_event()
                    yield event
            yield answer.finished()

    async def astream(
        self, messages: str | Sequence[MessageLike], config: GenerationConfig | None = None
    ) -> AsyncIterator[Event]:
        """As `stream`; a cancelled one gives its slot up before the next token."""
        import asyncio

        loop = asyncio.get_running_loop()
        with _named():
            beginning = loop.run_in_executor(None, self._begin, messages, config or GenerationConfig(), loop)
            try:
                answer = await asyncio.shield(beginning)
            except asyncio.CancelledError:
                beginning.add_done_callback(_cancel)
                raise
            with closing(answer.ticket):
                if answer.notice:
                    yield Notice(answer.notice)
                async with aclosing(answer.events()) as events:
                    async for event in events:
                        yield event
            yield answer.finished()

    async def aload(self) -> None:
        """Loads the model, or downloads it first. Raises what an answer would raise."""
        import asyncio

        with _named():
            await asyncio.to_thread(self._ready, ahead=True)

    def encode(self, text: str) -> list[int]:
        with _named():
            return prompt.encode(self._ready().loaded, text)

    def decode(self, tokens: Sequence[int]) -> str:
        with _named():
            return prompt.decode(self._ready().loaded, tokens)

    def encode_conversation(
        self, messages: str | Sequence[MessageLike], config: GenerationConfig | None = None
    ) -> list[int]:
        """Also of a conversation that is too long to be answered."""
        with _named():
            turns, loaded = read_messages(messages), self._ready().loaded
            return prompt.encode(loaded, prompt.write(loaded, turns, config or GenerationConfig()))

    @property
    def longest_context(self) -> int:
        with _named():
            return self._ready().loaded.longest

    async def aembed(
        self, texts: Sequence[str], *, dimensions: int | None = None, prompt_name: str | None = None
    ) -> Embeddings:
        """As the model's own files say; without them the mean of its last states, comparable, but no trained embedding.

        Raises ContextLengthError, ModelError besides.
        """
        import asyncio

        cancelled = Flag()

        def work() -> Embeddings:
            return embed(self._ready(), texts, dimensions=dimensions, prompt_name=prompt_name, cancelled=cancelled)

        try:
            with _named():
                return await asyncio.to_thread(work)
        finally:
            cancelled.set()

    def weigh(self) -> Weight:
        with _named():
            found = self._sources.model(self._model, self._revision)
            beside = [self._sources.adapter(where) for where in self._adapters.values()]
            bits, device = self._run["quantization"], device_of(self._placed["device"])
            return weight_of(found.folder, beside, dtype=self._placed["dtype"], device=device, quantization=bits)

    def give_room(self, memory: float) -> None:
        self._run["memory"] = memory

    def blocks(self) -> Sequence[Any]:
        return self._ready().engine.forward.blocks

    def run_blocks(self) -> None:
        self._ready().engine.forward.states([[0]])

    def enforces(self, wanted: ResponseFormat) -> bool:
        return grammar.is_enforceable(wanted)

    def close(self) -> None:
        """Forgets the weights; the next answer loads them again."""
        with self._loading:
            if self._running:
                self._running.engine.close()
            self._running = None

    @property
    def explanation(self) -> str:
        """One line: how the model is run here, and why; "" before it is loaded."""
        return self._running.explanation if self._running else ""

    def _begin(
        self, messages: str | Sequence[MessageLike], config: GenerationConfig, loop: asyncio.AbstractEventLoop | None
    ) -> Answer:
        started = time.perf_counter()
        turns = read_messages(messages)
        running = self._ready()
        loaded = running.loaded
        if config.thinking_budget is not None and "thinking_budget" not in self.honoured:
            raise InvalidRequestError("The model writes no think block: thinking_budget means nothing to it.")
        request = Request.of(loaded, turns, config, self._asked(config), self._least)
        reader = Reader(prompt.text_of(loaded), request.rules)
        constraint = request.constraint
        writing = Writing(request.plan, request.thinking(loaded), constraint)
        latest = None if config.max_wait is None else time.monotonic() + config.max_wait
        ticket = running.engine.submit(writing, loop=loop, priority=config.priority or 0, deadline=latest)
        return Answer(ticket, reader, len(request.plan.prompt), started, constraint.lacks if constraint else "")

    def _ready(self, *, ahead: bool = False) -> Running:
        """`ahead`: before anything is asked."""
        with self._loading:
            if self._running is None:
                found = self._sources.model(self._model, self._revision)
                self._know(found.folder)
                draft = self._sources.model(self._draft) if self._draft else None
                beside = {name: self._sources.adapter(where) for name, where in self._adapters.items()}
                set_threads(self._threads)
                loaded = self._load(found, self._run["quantization"])
                try:
                    small = self._load(draft, "none") if draft else None
                    self._running = start(loaded, draft=small, adapters=beside, ahead=ahead, **self._run)
                    if ahead:
                        loaded.grammars.prepare()
                except BaseException:
                    if loaded.ranks:
                        loaded.ranks.close()
                    raise
            return self._running

    def _load(self, found: Found, quantization: Quantized) -> load.Loaded:
        if self._parallel > 1:
            dtype, device, attention = self._placed["dtype"], self._placed["device"], self._placed["attention"]
            return load_divided(Part(found.folder, dtype, device, attention, found.code, self._parallel))
        return load.load(found.folder, quantization=quantization, code=found.code, **self._placed)

    def _check(self, room: _Room) -> None:
        """Raises ConfigurationError, ModelError, ModelNotFoundError for what cannot be used."""
        check_room(slots=room["slots"], memory=room["memory"], queue=room["queue"], threads=self._threads)
        self._check_parallel()
        self._check_files()

    def _check_parallel(self) -> None:
        others = {
            name: value is not None for name, value in self._placed.items() if name in {"device_map", "max_memory"}
        }
        others |= {"adapters": bool(self._adapters), "draft": self._draft is not None}
        others |= {"compile": self._run["compile"] not in {"auto", "off"}}
        others |= {"quantization": self._run["quantization"] != "none", "engine fused": self._run["forward"] == "fused"}
        check(self._parallel, others)

    def _asked(self, config: GenerationConfig) -> str:
        """Who is to answer. Raises InvalidRequestError."""
        name = self._adapter if config.adapter is None else config.adapter
        if name and name not in self.adapters:
            known = ", ".join(self.adapters) or "none"
            raise InvalidRequestError(f"There is no adapter {name!r}.", hint=f"There are: {known}.")
        return name

    def _check_files(self) -> None:
        """Checks what can be known before anything is downloaded: the folders that are named, and what contradicts
        itself.
        """
        if found := self._sources.here(self._model):
            self._know(found.folder)
        if self._draft and self._run["speculation"] == "none":
            raise ConfigurationError("A draft model guesses, and speculation is none.", hint="Leave one of them out.")
        if self._draft:
            self._sources.here(self._draft)
        if self._adapter and self._adapter not in self.adapters:
            raise UnknownNameError("adapter", self._adapter, self.adapters, hint="Name it: -o adapters NAME=FOLDER")
        for where in self._adapters.values():
            self._sources.adapter_here(where)

    def _know(self, folder: Path) -> None:
        """What the model can be asked for, by the chat templates in its folder."""
        if template := load.template_files(folder):
            self.honoured = self._honoured() - {name for name, sign in _BY_TEMPLATE.items() if sign not in template}

    def _honoured(self) -> frozenset[str]:
        honoured = type(self).honoured
        if not grammar.is_installed():
            honoured -= _BY_GRAMMAR
        return honoured if self.adapters else honoured - {"adapter"}


class _Arranged(TypedDict):
    attention: Attention
    device_map: str | None
    max_memory: str | None


class _Placed(_Arranged):
    dtype: Dtype
    device: str


class _Room(TypedDict):
    slots: int | None
    memory: float | None
    queue: int
    large_pages: LargePages


class _Way(TypedDict):
    forward: Pass
    quantization: Quantized
    compile: Compile


class _Run(_Room, _Way):
    speculation: Guessing


def _cancel(beginning: asyncio.Future[Answer]) -> None:
    if not beginning.cancelled() and not beginning.exception():
        beginning.result().ticket.cancel()


@contextmanager
def _named() -> Generator[None]:
    """Says of an error who raised it."""
    try:
        yield
    except UnifiedIntelligenceError as error:
        error.provider = error.provider or "local"
        raise
