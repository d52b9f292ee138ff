"""A task is a function: its parameters are what it needs, its return annotation is what it gives.

    @task(retries=2, timeout=60)
    async def count(folder: Path) -> Counted:
        "Counts the files of a folder."

How tasks are composed is left to `flow`, where their inputs come from to `binding`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypedDict, Unpack, get_type_hints, overload

from unified_intelligence.entities.errors import ConfigurationError, UnknownNameError

if TYPE_CHECKING:
    from unified_intelligence.dsl.flow import Flow

REQUIRED = inspect.Parameter.empty


class Input(NamedTuple):
    """A parameter of the function; `default` is REQUIRED where it has none."""

    type: Any
    default: object


class Patience(TypedDict, total=False):
    """What `task` is told besides the function."""

    name: str
    retries: int
    pause: float
    timeout: float | None
    always: bool


@dataclass(eq=False, repr=False)
class Task:
    """A function with its name, its patience, and the inputs that were fixed for it."""

    function: Callable[..., Any]
    name: str = ""
    retries: int = 0
    pause: float = 1.0
    timeout: float | None = None
    always: bool = False
    fixed: Mapping[str, object] = field(default_factory=dict[str, object])

    def __post_init__(self) -> None:
        """Raises ConfigurationError for a patience that is none."""
        self.name = self.name or self.function.__name__
        if self.retries < 0 or self.pause < 0 or (self.timeout is not None and self.timeout <= 0):
            raise ConfigurationError(f"Task {self.name}: retries and pause are 0 or more, a timeout is more than 0.")

    def __repr__(self) -> str:
        return f"<task {self.name}>"

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """The function itself: a task can be tested, or used, without a flow."""
        return self.function(*arguments, **named)

    def __rshift__(self, other: Task | Flow) -> Flow:
        return self._alone() >> other

    def __and__(self, other: Task | Flow) -> Flow:
        return self._alone() & other

    def on_failure(self, rescue: Task) -> Flow:
        """Like `Flow.on_failure`."""
        return self._alone().on_failure(rescue)

    def named(self, name: str) -> Task:
        """The same work as another task: one flow runs each name once."""
        return replace(self, name=name)

    def given(self, **values: object) -> Task:
        """The same task with some inputs fixed. Raises UnknownNameError for one that it does not have."""
        for name in values:
            if name not in self.inputs:
                raise UnknownNameError("input", name, self.inputs, hint=f"Task {self.name} has no other inputs.")
        return replace(self, fixed={**self.fixed, **values})

    @property
    def summary(self) -> str:
        """The first line of the function's docstring."""
        return (inspect.getdoc(self.function) or "").partition("\n")[0]

    @cached_property
    def inputs(self) -> Mapping[str, Input]:
        """Raises ConfigurationError for a parameter without a type, or one that cannot be given by name."""
        hints = self._hints
        found: dict[str, Input] = {}
        for name, parameter in inspect.signature(self.function).parameters.items():
            by_name = parameter.kind in {parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY}
            if not by_name or name not in hints:
                raise ConfigurationError(
                    f"Task {self.name}: the input {name} has no type or no name of its own.",
                    hint=f"Write it as `{name}: TYPE`.",
                )
            found[name] = Input(hints[name], parameter.default)
        return found

    @cached_property
    def output(self) -> Any:
        """The type of what it gives; NoneType for nothing. Raises ConfigurationError if it does not say."""
        if "return" not in self._hints:
            raise ConfigurationError(
                f"Task {self.name} does not say what it gives.", hint="Write `-> TYPE` or `-> None`."
            )
        return self._hints["return"]

    @cached_property
    def _hints(self) -> Mapping[str, Any]:
        try:
            return get_type_hints(self.function)
        except NameError as error:
            raise ConfigurationError(
                f"Task {self.name}: {error}.", hint="Import the types of inputs and outputs where the program runs."
            ) from error

    def _alone(self) -> Flow:
        from unified_intelligence.dsl.flow import flow_of

        return flow_of(self)


@overload
def task(function: Callable[..., Any], /) -> Task: ...
@overload
def task(**patience: Unpack[Patience]) -> Callable[[Callable[..., Any]], Task]: ...
def task(
    function: Callable[..., Any] | None = None, /, **patience: Unpack[Patience]
) -> Task | Callable[[Callable[..., Any]], Task]:
    """Makes a function a task. It may be `async`; one that is not runs in a thread.

    `retries` are further tries after a failure that another try can mend, the first after `pause` seconds and each
    later one after twice as long; `timeout` are the most seconds of one try. `always` is for what looks at the world:
    it is done again in a run that is resumed, and what depends on it too if it gives something else.
    """
    return Task(function) if function is not None else partial(Task, **patience)
