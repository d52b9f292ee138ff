"""From a question to one call, or to the finding that nothing fits: the embedded model with all it needs around it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from unified_intelligence.embedded.calls import Call, decide
from unified_intelligence.embedded.forward import Qwen3Forward
from unified_intelligence.embedded.functions import Function, function_of_spec, function_of_tool, prompt_form
from unified_intelligence.embedded.prompt import render
from unified_intelligence.embedded.reading import Reading
from unified_intelligence.embedded.tokens import Tokens
from unified_intelligence.tools.registry import BUILT_IN

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from unified_intelligence.entities.tools import ToolSpec

FOLDER = Path(__file__).parent / "model"


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The log-odds from which a call is made, for the built-in tools and for a user's: calibrated, not chosen."""

    built_in: float
    user: float


@dataclass(frozen=True, slots=True)
class Route:
    """What the model made of a question. `call` is None where no tool fits; `score` says by how much."""

    reading: Reading
    call: Call | None
    score: float
    prompt_tokens: int
    completion_tokens: int


class Router:
    """The model of a folder: config.json, model.safetensors, tokenizer.json, chat_template.jinja, thresholds.json."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self.folder = folder
        self.model = Qwen3Forward.load(folder)
        self.tokens = Tokens.load(folder)

    @cached_property
    def thresholds(self) -> Thresholds:
        values = json.loads((self.folder / "thresholds.json").read_text(encoding="utf-8"))
        return Thresholds(values["built_in"], values["user"])

    def route(self, question: str, allowed: Collection[str] = ()) -> Route:
        """One of the built-in tools, which the model knows by heart; only those `allowed`, if any are named."""
        functions = [one for one in _built_in_functions() if not allowed or one.name in allowed]
        return self._route(Reading.of(question), functions, (), self.thresholds.built_in)

    def route_among(self, question: str, specs: Sequence[ToolSpec]) -> Route:
        """One of the tools described, none of which the model need have seen before."""
        functions = [function_of_spec(spec) for spec in specs]
        return self._route(Reading.of(question), functions, specs, self.thresholds.user)

    def _route(
        self, reading: Reading, functions: Sequence[Function], specs: Sequence[ToolSpec], threshold: float
    ) -> Route:
        prompt = render(self.folder, reading.text, [prompt_form(spec) for spec in specs])
        decision = decide(self.model, self.tokens, prompt, functions, reading)
        call = decision.call if decision.score >= threshold else None
        return Route(reading, call, decision.score, decision.prompt_tokens, decision.completion_tokens)


@cache
def _built_in_functions() -> tuple[Function, ...]:
    return tuple(function_of_tool(tool) for tool in BUILT_IN.values())
