"""One generator behind many callers: what every route does for an answer, whatever form the route gives it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Mapping, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, cast

from unified_intelligence.entities.errors import DeviceLostError
from unified_intelligence.serving.admission import Admission, Entry
from unified_intelligence.serving.answer_json import now
from unified_intelligence.serving.enforcement import enforced, planned
from unified_intelligence.serving.observation import Figures, Watch

if TYPE_CHECKING:
    from unified_intelligence.entities.generation import Event, GenerationConfig
    from unified_intelligence.entities.message import Message
    from unified_intelligence.interfaces.text_generator import ITextGenerator

State = Literal["loading", "ready", "failed", "draining"]
_ORDER: tuple[State, ...] = ("draining", "failed", "loading", "ready")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: `key` is a fingerprint of the API key, never the key; `request_id` is the server's own.

    `figures` is what the request comes to, filled while it is answered; `entry` is its place among the others.
    """

    request_id: str
    key: str = ""
    figures: Figures = field(default_factory=Figures, compare=False, repr=False)
    entry: Entry | None = field(default=None, compare=False, repr=False)


@dataclass(slots=True)
class Service:
    """What the routes share. `about` is what /version tells: package version, backend, revision, digest.

    `model` and `aliases` are the names requests may use; `started` is in seconds since 1970. `watch` makes what stands
    beside each answer and measures it. `beside` are the services of the other models of this process, each with a queue
    and a state of its own; they have none beside them. `prepare` is done once, before the first of all is loaded.
    """

    generator: ITextGenerator
    model: str
    admission: Admission
    about: Mapping[str, object] = field(default_factory=dict[str, object])
    aliases: tuple[str, ...] = ()
    state: State = "ready"
    started: int = field(default_factory=now)
    watch: Callable[[Caller], Watch] = Watch
    failure: Exception | None = None
    on_ready: Callable[[], None] = lambda: None
    on_failure: Callable[[], None] = lambda: None
    beside: tuple[Service, ...] = ()
    prepare: Callable[[], Awaitable[None]] | None = None

    @property
    def names(self) -> tuple[str, ...]:
        return (self.model, *self.aliases)

    @property
    def all(self) -> tuple[Service, ...]:
        """The services of all models, this one first."""
        return (self, *self.beside)

    @property
    def together(self) -> State:
        """The state of the whole server: what is wrong with one model is told before what another is still doing."""
        return self.least_ready.state

    @property
    def least_ready(self) -> Service:
        return min(self.all, key=lambda each: _ORDER.index(each.state))

    @property
    def all_names(self) -> tuple[str, ...]:
        """What requests may call a model, then what they may call its adapters, model by model."""
        return tuple(name for each in self.all for name in (*each.names, *each.generator.adapters))

    @property
    def fingerprint(self) -> str | None:
        """What changes when the build does, as OpenAI's answers carry it."""
        digest = self.about.get("digest")
        return f"fp_{digest}" if digest else None

    async def answer(
        self, caller: Caller, messages: Sequence[Message], config: GenerationConfig, *, again: bool = False
    ) -> AsyncGenerator[Event]:
        """The events of one answer, in its turn. Closing it stops the work and frees the turn.

        `again`: another answer to the same question, which is counted once.
        Raises RateLimitedError, ServerBusyError, InvalidRequestError, and what the generator raises.
        """
        caller.figures.model = self.model
        with self.watch(caller) as watch, self._noticing_loss():
            watch.again = again
            plan = await planned(self.generator, config)  # what is refused waits for no turn
            async with self.admission.turn(caller.entry or caller.key):
                watch.started()
                events = cast("AsyncGenerator[Event]", enforced(self.generator, messages, plan))
                async with aclosing(events):
                    async for event in events:
                        watch.saw(event)
                        yield event

    @contextmanager
    def _noticing_loss(self) -> Generator[None]:
        """A process that can compute nothing more is not ready for anything."""
        try:
            yield
        except DeviceLostError as error:
            self.state, self.failure = "failed", error
            raise

    async def warm_up(self) -> None:
        """Loads what the first answers would wait for, one model after the other; each is ready when it is loaded.

        `on_ready` is told. What goes wrong is kept in `failure`, and `on_failure` is told; the others go on.
        """
        for each in self.all:
            each.state = "loading"
        if self.prepare is not None:
            try:
                await self.prepare()
            except Exception as error:  # noqa: BLE001 - raised again where the server was started
                for each in self.all:
                    each.state, each.failure = "failed", error
                self.on_failure()
        for each in self.all:
            await each.load()

    async def load(self) -> None:
        """Loads its own model, unless it has failed already."""
        if self.state != "loading":
            return
        try:
            await self.generator.aload()
        except Exception as error:  # noqa: BLE001 - raised again where the server was started
            self.state, self.failure = "failed", error
            self.on_failure()
        if self.state == "loading":
            self.state = "ready"
            self.on_ready()


def caller_of(
    scope: Mapping[str, Any], answers: int = 1, *, priority: int = 0, longest_wait: float | None = None
) -> Caller:
    """Who sent a request: what the layers around the routes found out. `answers` is how many it asks for."""
    state = scope["state"]
    key = state.get("key", "")
    entry = Entry(key, answers, priority, longest_wait)
    return Caller(state["request_id"], key, state.setdefault("figures", Figures()), entry)
