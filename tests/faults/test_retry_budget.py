"""Many callers do not multiply the load of a server that is down."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from tests.faults.scenarios import played
from unified_intelligence.entities.errors import UnifiedIntelligenceError
from unified_intelligence.factories.provider_factory import ProviderFactory

CALLS, AT_ONCE = 1000, 50
PATIENT = {"timeout": 600.0, "connect_timeout": 120.0, "first_token_timeout": 300.0}  # a busy machine ends no call


@pytest.mark.parametrize(
    ("name", "code"), [("status 503", "server_busy"), ("reset before headers", "connection_failed")]
)
def test_a_dead_server_is_asked_at_most_a_fifth_more_often_than_it_was_called(name: str, code: str) -> None:
    with played(name) as play:
        ends = asyncio.run(_call_all(play.url))
        asked = len(play.server.requests)
    assert ends == {code: CALLS}
    assert CALLS < asked <= 1.2 * CALLS


async def _call_all(url: str) -> Counter[str]:
    generator = ProviderFactory().create("openai_compatible", base_url=url, model="m", key="k", retries=3, **PATIENT)
    places, ends = asyncio.Semaphore(AT_ONCE), Counter[str]()

    async def call(number: int) -> None:
        async with places:
            try:
                await generator.agenerate(f"Ça va, {number} ? 🙂")
            except UnifiedIntelligenceError as error:
                ends[error.code] += 1

    await asyncio.gather(*map(call, range(CALLS)))
    generator.close()
    return ends
