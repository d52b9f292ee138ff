"""The seam to providers that take many samples in one call, such as a Space that evaluates.

Who evaluates asks `isinstance(generator, ISampleGenerator)`. A provider that is not is asked sample by sample, with
`agenerate`: an answer and an error mean the same in both ways.

    async for come in generator.asamples(run_id, samples):
        if isinstance(come, SampleAnswer):
            keep(come.sample_id, come.epoch, come.result)
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from unified_intelligence.entities.generation import GenerationConfig
from unified_intelligence.interfaces.text_generator import ITextGenerator

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from unified_intelligence.entities.errors import UnifiedIntelligenceError
    from unified_intelligence.entities.generation import Generation, Notice
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


class ISampleGenerator(ITextGenerator):
    """Answers many samples, in as many calls as that takes."""

    @abstractmethod
    def asamples(self, run_id: str, samples: Sequence[Sample]) -> AsyncGenerator[SampleAnswer | Notice, None]:
        """Every sample's answer once, in the order in which they are made. Closing the generator stops the work.

        A sample is known by `run_id`, `sample_id` and `epoch`: what was answered already is given again and not
        computed again, so a run that broke off goes on with the same `run_id` and the samples it has no answer of.

        An error of one sample is its SampleAnswer. One that ends all of them (no Space, no quota) is raised, after
        the answers that came before it. Raises InvalidRequestError where two samples have one name.
        """
