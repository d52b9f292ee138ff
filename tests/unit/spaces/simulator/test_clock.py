"""A clock that is moved: whoever sleeps on it wakes at his own hour, and does his work before the next one wakes."""

from __future__ import annotations

import asyncio

from unified_intelligence.spaces.simulator.clock import SetClock


def test_sleepers_wake_in_order_each_at_its_hour() -> None:
    async def main() -> None:
        clock, woke = SetClock(), list[tuple[str, float]]()

        async def sleeper(name: str, *pauses: float) -> None:
            for pause in pauses:
                await clock.sleep(pause)
                woke.append((name, clock.now()))

        sleepers = {"late": (5.0,), "often": (1.0, 1.5, 4.0), "now": (0.0,)}
        tasks = [asyncio.create_task(sleeper(name, *pauses)) for name, pauses in sleepers.items()]
        await clock.advance(0.5)
        assert woke == [("now", 0.0)]
        await clock.advance(5)
        assert woke[1:] == [("often", 1.0), ("often", 2.5), ("late", 5.0)] and clock.now() == 5.5
        await clock.advance(10)
        assert woke[-1] == ("often", 6.5)
        assert (clock.date() - SetClock().date()).total_seconds() == 15.5
        await asyncio.gather(*tasks)

    asyncio.run(main())


def test_whoever_stops_waiting_is_forgotten() -> None:
    async def main() -> None:
        clock = SetClock()
        task = asyncio.create_task(clock.sleep(1))
        await asyncio.sleep(0)
        task.cancel()
        await clock.advance(2)
        assert task.cancelled() and clock.now() == 2

    asyncio.run(main())
