"""How much a question may ask for here, and how many seconds of a GPU that takes at most."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from unified_intelligence.entities.errors import InvalidRequestError
from unified_intelligence.gradio_space.request import read_request
from unified_intelligence.serving.plan import Plan, plan_for

if TYPE_CHECKING:
    from unified_intelligence.entities.message import Message
    from unified_intelligence.interfaces.text_generator import ITextGenerator

_LETTERS = 3  # characters a token, at least, in the languages that matter here


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerLimits:
    """Tokens an answer may ask for and gets by itself; seconds of a GPU a call may take, and its tokens a second."""

    max_tokens: int = 4096
    default_tokens: int = 2048
    seconds: int = 120
    start: int = 10
    reads: int = 2000
    writes: int = 40

    def seconds_for(self, messages: object, config: object) -> int:
        """How long a call of one answer may hold a GPU: to start, to read the prompt, to write as much as it may."""
        return min(self.seconds, math.ceil(self.start + self.work_of(messages, config)))

    def work_of(self, messages: object, config: object) -> float:
        """Seconds of a GPU that has started, at most."""
        asked: Mapping[str, Any] = config if isinstance(config, Mapping) else {}  # pyright: ignore[reportUnknownVariableType]
        wanted = asked.get("max_tokens")
        written = wanted if isinstance(wanted, int) and wanted > 0 else self.default_tokens
        return len(str(messages)) / _LETTERS / self.reads + written / self.writes

    def read(self, generator: ITextGenerator, messages: object, config: object) -> tuple[tuple[Message, ...], Plan]:
        """Who does what for an answer. Raises InvalidRequestError for what is not of the agreed form, or too much."""
        turns, wanted = read_request(messages, config)
        if wanted.max_tokens is not None and wanted.max_tokens > self.max_tokens:
            raise InvalidRequestError(
                f"max_tokens is at most {self.max_tokens} here, not {wanted.max_tokens}.",
                hint="Ask for a shorter answer.",
            )
        if wanted.max_tokens is None and "max_tokens" in generator.honoured:
            wanted = replace(wanted, max_tokens=self.default_tokens)
        return turns, plan_for(generator.honoured, wanted, generator.enforces, generator.entrusted)
