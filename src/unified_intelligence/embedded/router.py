"""From a question to one call, or to the finding that nothing fits: the embedded model with all it needs around it."""

from __future__ import annotations

import json
from contextlib import AbstractContextManager
from dataclasses import dataclass, fields, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from threadpoolctl import ThreadpoolController  # pyright: ignore[reportMissingTypeStubs]

from unified_intelligence.embedded.affinity import affinities
from unified_intelligence.embedded.calls import Call, decide
from unified_intelligence.embedded.forward import Qwen3Forward
from unified_intelligence.embedded.functions import Function, built_in_function, function_of_spec, prompt_form
from unified_intelligence.embedded.reading import Reading
from unified_intelligence.embedded.safetensors import DamagedFileError
from unified_intelligence.embedded.tokens import Tokens
from unified_intelligence.entities.errors import ContextLengthError
from unified_intelligence.tools.registry import BUILT_IN

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from unified_intelligence.entities.tools import ToolSpec

FOLDER = Path(__file__).parent / "model"
SETTINGS = "router.json"
EXPLAINING = {"define": "glossary", "about": "help"}  # tools that only words tell from what is out of scope
# What words shared with a user's tool weigh against the model's own log-probabilities: of the tool's name, of any call.
NAME_WEIGHT, CALL_WEIGHT = 4.0, 1.0


@dataclass(frozen=True, slots=True)
class Settings:
    """What was found out about a folder's model after its training, in its router.json.

    `built_in`, `glossary`, `help` and `user` are the log-odds from which a call is made: of the built-in tools, of the
    two for a term and for this program, and of a user's tools. They are calibrated, not chosen. `before` and `after`
    are the chat template's words around a lone question, rendered once.
    """

    built_in: float
    glossary: float
    help: float
    user: float
    before: str
    after: str

    @classmethod
    def read(cls, folder: Path) -> Settings:
        values = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
        return cls(*(values[field.name] for field in fields(cls)))


@dataclass(frozen=True, slots=True)
class Route:
    """What the model made of a question. `call` is None where no tool fits; `score` says by how much."""

    reading: Reading
    call: Call | None
    score: float
    prompt_tokens: int

    def unless_below(self, threshold: float) -> Route:
        """The same, without its call where the model wanted it less than the threshold."""
        return self if self.score >= threshold else replace(self, call=None)


class Router:
    """The model of a folder: config.json, model.safetensors, tokenizer.json, chat_template.jinja, router.json."""

    def __init__(self, folder: Path = FOLDER) -> None:
        """Raises FileNotFoundError, DamagedFileError."""
        self.folder = folder
        try:
            self.model = Qwen3Forward.load(folder)
            self.tokens = Tokens.load(folder)
            self.settings = Settings.read(folder)
        except DamagedFileError:
            raise
        except (KeyError, TypeError, ValueError) as error:
            raise DamagedFileError(f"{folder} does not hold a readable model ({error!r}).") from error

    def route(self, question: str) -> Route:
        """One of the built-in tools, which the model knows by heart. Raises ContextLengthError."""
        reading = Reading.of(question)
        prompt = self._prompt(reading)
        # Where there are no figures but a term of the glossary, the term is what is asked about.
        route = self._routed(prompt, reading, _built_in_functions(), ask_back=lambda: not reading.candidates("term")[0])
        sort = self.sort_of(route)
        if sort == "glossary" and route.call and route.call.missing:
            return replace(route, call=None)  # a term that is not in the glossary is out of scope, nothing to ask back
        own = self.settings
        return route.unless_below({"built_in": own.built_in, "glossary": own.glossary, "help": own.help}[sort])

    @staticmethod
    def sort_of(route: Route) -> str:
        """Which threshold judges a route among the built-in tools."""
        return EXPLAINING.get(route.call.function.name, "built_in") if route.call else "built_in"

    def route_among(self, question: str, specs: Sequence[ToolSpec]) -> Route:
        """One of the tools described, none of which the model need have seen before. Raises ContextLengthError."""
        reading = Reading.of(question)
        prompt = self._prompt(reading, specs)
        shared = affinities(reading.text, specs)
        bias = [NAME_WEIGHT * words for words in shared]
        route = self._routed(prompt, reading, [function_of_spec(spec) for spec in specs], bias)
        wanted = route.score + CALL_WEIGHT * max(shared, default=0.0)
        return replace(route, score=wanted).unless_below(self.settings.user)

    def prompt(self, question: str, specs: Sequence[ToolSpec] = ()) -> str:
        """What the model reads before it routes the question, to a built-in tool or among the ones described."""
        return self._prompt(Reading.of(question), specs)

    def _prompt(self, reading: Reading, specs: Sequence[ToolSpec] = ()) -> str:
        if not specs:
            return f"{self.settings.before}{reading.text}{self.settings.after}"
        from unified_intelligence.embedded.prompt import render

        return render(self.folder, reading.text, [prompt_form(spec) for spec in specs])

    def _routed(
        self,
        prompt: str,
        reading: Reading,
        functions: Sequence[Function],
        bias: Sequence[float] = (),
        *,
        ask_back: Callable[[], bool] = lambda: False,
    ) -> Route:
        length, longest = len(self.tokens.encode(prompt)), self.model.shape.longest
        if length > longest:
            raise ContextLengthError(length, longest, provider="embedded")
        with _one_thread():
            decision = decide(self.model, self.tokens, prompt, functions, reading, bias, ask_back=ask_back)
        return Route(reading, decision.call, decision.score, decision.prompt_tokens)


def _one_thread() -> AbstractContextManager[object]:
    """On several threads, products this small mostly wait for each other."""
    return _blas().limit(limits=1, user_api="blas")  # pyright: ignore[reportUnknownMemberType]


@cache
def _blas() -> ThreadpoolController:
    return ThreadpoolController()


@cache
def _built_in_functions() -> tuple[Function, ...]:
    return tuple(map(built_in_function, BUILT_IN))
