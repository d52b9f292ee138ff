"""What was asked for and the provider does not do itself: done here, or refused before anything is generated."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from unified_intelligence.entities.errors import InvalidRequestError
from unified_intelligence.entities.generation import Event, GenerationConfig
from unified_intelligence.entities.message import Message
from unified_intelligence.interfaces.text_generator import ITextGenerator


def refuse_unhonoured(generator: ITextGenerator, config: GenerationConfig) -> None:
    """Raises InvalidRequestError naming what nobody would act on."""
    ignored = sorted(config.asked_for() - generator.honoured)
    if ignored:
        raise InvalidRequestError(f"This model does not support {', '.join(ignored)}.")


async def enforced(
    generator: ITextGenerator, messages: Sequence[Message], config: GenerationConfig
) -> AsyncIterator[Event]:
    """The events of an answer that is as it was asked for."""
    refuse_unhonoured(generator, config)
    async for event in generator.astream(messages, config):
        yield event
