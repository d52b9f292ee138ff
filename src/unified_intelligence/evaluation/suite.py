"""What is asked and how an answer is judged: the seam between the suites and whoever runs, stores and compares them.

A suite is questions and a pure function that scores an answer. It asks nobody and keeps nothing.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from unified_intelligence.entities.generation import Generation, GenerationConfig, Timings, Usage
    from unified_intelligence.entities.message import Message
    from unified_intelligence.entities.tools import ToolCall

Language = Literal["", "en", "fr"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What a suite is built with. Two suites built alike have the same questions.

    `route` "" is the suite's own; `language` "" is all of them; `seed` is for suites that make their questions; `data`
    is a folder or a file that the user has, `cache` a folder that downloads are kept in, `offline` forbids them.
    """

    name: str
    route: str = ""
    language: Language = ""
    seed: int = 0
    data: Path | None = None
    cache: Path | None = None
    offline: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """Which data it is: two runs compare only where `sha256` is the same.

    `sha256` is over the questions and the truth, whole, before any limit; `licence` an SPDX name; `ids_sha256` over the
    ids in their order, one a line; `origin` is where the data came from, in words for people.
    """

    name: str
    version: str
    sha256: str
    licence: str
    n: int
    ids_sha256: str
    origin: str = ""


@dataclass(frozen=True, slots=True)
class Scorer:
    """What judges. A change of `version` says that the same answer may be judged otherwise."""

    name: str
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A question. `id` is unique in its suite; all samples weigh the same.

    `config` carries what belongs to the question: tools, tool_choice, and a max_tokens that is enough. `slices` name
    the groups it is counted in besides "all". Samples of one `pair` ask the same in several languages. `reference` is
    the truth the score compares with: plain JSON, which reports show.
    """

    id: str
    messages: tuple[Message, ...]
    config: GenerationConfig
    reference: object = None
    slices: tuple[str, ...] = ()
    language: str = ""
    pair: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why no answer came: the code of the error, its sentence, and whether another try may help."""

    type: str
    message: str
    retryable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back. With an `error` there is no answer, `text` is then what came before it.

    `unreadable` says that the provider could not read a call or the form the model was held to: `text` is what the
    model wrote. `finish_reason` is what the server says, which `outcome_of` does not trust.
    """

    text: str = ""
    reasoning: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    finish_reason: str = ""
    usage: Usage | None = None
    timings: Timings | None = None
    error: Failure | None = None
    unreadable: bool = False

    @classmethod
    def of(cls, generation: Generation) -> Answer:
        return cls(
            text=generation.text,
            reasoning=generation.reasoning,
            tool_calls=generation.tool_calls,
            finish_reason=generation.finish_reason,
            usage=generation.usage,
            timings=generation.timings,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """What a scorer finds in an answer that came whole.

    `right` is the verdict, all required gates together; `gates` are shown one by one. `malformed` says that the model
    tried the asked form and missed it, so that nothing can be judged. `error_type` names the kind of fault, to group
    by. `verdicts` are those of other rules, such as {"official": True}: each becomes a metric of its own over all
    samples. `numbers` are averaged over the answered samples, such as {"terms": 0.75}. `note` is a line for people.
    """

    right: bool
    malformed: bool = False
    error_type: str = ""
    gates: Mapping[str, bool] = field(default_factory=dict[str, bool])
    verdicts: Mapping[str, bool] = field(default_factory=dict[str, bool])
    numbers: Mapping[str, float] = field(default_factory=dict[str, float])
    note: str = ""


class Suite(ABC):
    """Questions and their judge.

    Built by a function from a `Choice` (see `suites`), which raises ConfigurationError for data that is not there or
    not what it should be, and UnknownNameError for a route or a language it does not have.
    """

    name: str
    dataset: Dataset
    scorer: Scorer
    route: str = ""
    """How the questions are put, named in the result where it decides the score."""

    disputed: Mapping[str, str] = {}
    """Ids whose truth is doubted, with why; they count as all others do."""

    heuristic: str = ""
    """Not "" where `right` is a rule of thumb and no correctness: what the rule is; every report shows it."""

    @property
    @abstractmethod
    def samples(self) -> Sequence[Sample]:
        """All of them, in a fixed order."""

    @abstractmethod
    def score(self, sample: Sample, answer: Answer) -> Score:
        """Judges an answer without `error`; pure. It is also asked about truncated ones, whose score is only shown."""

    @property
    def unattainable(self) -> frozenset[str]:
        """Ids that no answer can pass."""
        return frozenset()
