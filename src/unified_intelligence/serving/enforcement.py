"""What was asked for and the provider does not do itself: done here, or refused before anything is generated."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from typing import TYPE_CHECKING

from unified_intelligence.entities.generation import Event, GenerationConfig, ReasoningDelta
from unified_intelligence.entities.message import Message
from unified_intelligence.serving.plan import Plan, plan_for
from unified_intelligence.serving.repair import repaired
from unified_intelligence.serving.stopping import closing, until_stop

if TYPE_CHECKING:
    from unified_intelligence.interfaces.text_generator import ITextGenerator


async def planned(generator: ITextGenerator, config: GenerationConfig) -> Plan:
    """Who does what for an answer. Raises InvalidRequestError for what neither the generator nor this module does."""
    checks = config.response_format is not None or bool(config.tools)
    if checks:
        return await asyncio.to_thread(plan_for, generator.honoured, config, generator.enforces, generator.entrusted)
    return plan_for(generator.honoured, config)


async def enforced(generator: ITextGenerator, messages: Sequence[Message], plan: Plan) -> AsyncIterator[Event]:
    """The events of an answer that is as it was asked for. Closing it stops the work.

    Raises AnswerInvalidError for an answer that stayed wrong, AnswerRefusedError; and what the generator raises.
    """

    def ask(turns: Sequence[Message]) -> AsyncIterator[Event]:
        return _answer(generator, turns, plan)

    answer = repaired(ask, messages, plan) if plan.calls or plan.json else ask(messages)
    async with closing(answer) as events:
        async for event in events:
            yield event


async def _answer(generator: ITextGenerator, messages: Sequence[Message], plan: Plan) -> AsyncGenerator[Event]:
    answer = generator.astream(messages, plan.config)
    async with closing(until_stop(answer, plan.stop) if plan.stop else answer) as events:
        async for event in events:
            if not (plan.without_reasoning and isinstance(event, ReasoningDelta)):
                yield event
