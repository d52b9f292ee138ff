"""All the Spaces of a local Hub, each with its keeper."""

from __future__ import annotations

from collections.abc import Mapping

from unified_intelligence.spaces.simulator.app_command import clear
from unified_intelligence.spaces.simulator.hub import Hub
from unified_intelligence.spaces.simulator.keeper import Keeper, Timings
from unified_intelligence.spaces.simulator.refusals import no_repository


class Keepers:
    """`base` are the variables of this machine that apps inherit."""

    def __init__(self, hub: Hub, base: Mapping[str, str], timings: Timings) -> None:
        self._hub, self._base, self._timings = hub, base, timings
        self._all: dict[str, Keeper] = {}

    async def open(self) -> None:
        """Opens the Spaces that the folder has, as an earlier process left them."""
        clear(self._hub.folder / "running")
        for name in self._hub.names("spaces"):
            await self.add(name)

    async def close(self) -> None:
        for keeper in self._all.values():
            await keeper.close()
        self._all.clear()

    def of(self, name: str) -> Keeper:
        if name not in self._all:
            raise no_repository(name)
        return self._all[name]

    async def add(self, name: str) -> None:
        keeper = Keeper(self._hub, name, self._base, self._timings)
        self._all[name] = keeper
        await keeper.open()

    async def remove(self, name: str) -> None:
        await self._all.pop(name).close()
