"""The seam to providers that take many samples in one call, such as a Space that evaluates.

Who evaluates asks `isinstance(generator, ISampleGenerator)`. A provider that is not is asked sample by sample, with
`agenerate`: an answer and an error mean the same in both ways.

    async for come in generator.asamples(run_id, samples):
        if isinstance(come, SampleAnswer):
            keep(come.sample_id, come.epoch, come.result)
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from unified_intelligence.entities.sample import Sample, SampleAnswer
from unified_intelligence.interfaces.text_generator import ITextGenerator

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from unified_intelligence.entities.generation import Notice


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
