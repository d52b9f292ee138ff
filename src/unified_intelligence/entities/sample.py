"""One of many conversations that are asked together, as in an evaluation, and what became of it."""

from dataclasses import dataclass, field

from unified_intelligence.entities.errors import UnifiedIntelligenceError
from unified_intelligence.entities.generation import Generation, GenerationConfig
from unified_intelligence.entities.message import Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A conversation to answer, and how. `sample_id` and `epoch`, from 1, name it within its run."""

    sample_id: str
    messages: tuple[Message, ...]
    config: GenerationConfig = field(default_factory=GenerationConfig)
    epoch: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleAnswer:
    """What became of one sample: an answer, or the error it ended with.

    The timings of a Generation are those of the model, in seconds from when it began with the sample; `queue_s` are
    the seconds before that, where they are known. `started_at` is the moment it began, in ISO 8601, or empty.
    `attempt` counts how often the sample was computed in its run.
    """

    sample_id: str
    epoch: int
    result: Generation | UnifiedIntelligenceError
    attempt: int = 1
    started_at: str = ""
    queue_s: float | None = None
