"""A Space and the Hub that knows its stage, played by one server: the Space answers once its stage is RUNNING."""

from __future__ import annotations

from collections.abc import Sequence

from tests.faults.answers import healthy, said
from tests.faults.server import Act, Exchange, FaultServer
from tests.faults.stream_scenarios import BUILDING

SPACE = "equipe-d/finance-8b"
RUNTIME_ERROR = "Exit code: 1. Reason: CUDA driver version is insufficient"
AWAKE = ("RUNNING", "RUNNING_BUILDING", "RUNNING_APP_STARTING")


class Hub:
    """Tells the stages one after the other, the last one for ever. A request wakes a Space that sleeps."""

    def __init__(self, stages: Sequence[str]) -> None:
        self._stages = list(stages)
        self.asked = 0

    @property
    def stage(self) -> str:
        return self._stages[min(self.asked, len(self._stages) - 1)]

    def runtime(self, server: FaultServer, exchange: Exchange) -> None:
        """The page GET /api/spaces/OWNER/NAME/runtime, and the Space's own with its runtime inside."""
        stage = self.stage
        self.asked += 1
        if stage == "404":
            exchange.whole(404, said({"error": "Repository not found"}), "application/json")
            return
        broken = {"errorMessage": RUNTIME_ERROR} if stage.endswith("_ERROR") else {}
        runtime = {"stage": stage, "hardware": {"current": None, "requested": "l4x1"}, "gcTimeout": 300, **broken}
        page = {"id": SPACE, "sdk": "docker", "host": server.origin, "subdomain": "x", "runtime": runtime}
        exchange.whole(200, said(runtime if exchange.request.path.endswith("/runtime") else page), "application/json")

    def answer(self, exchange: Exchange) -> None:
        """What the Space's own address says meanwhile."""
        if self.stage in AWAKE:
            healthy(exchange)
        elif self.stage == "404":
            exchange.whole(404, "<html><body>Sorry, we can't find it.</body></html>", "text/html")
        else:
            exchange.whole(503, BUILDING, "text/html")


SPACES: dict[str, tuple[str, ...]] = {
    "Space sleeping, then running": ("SLEEPING", "SLEEPING", "APP_STARTING", "RUNNING"),
    "Space building, then running": ("BUILDING", "BUILDING", "RUNNING"),
    "Space building for ever": ("BUILDING",),
    "Space that starts for ever": ("APP_STARTING",),
    "Space that builds and breaks": ("BUILDING", "BUILD_ERROR"),
    "Space paused": ("PAUSED",),
    "Space stopped": ("STOPPED",),
    "Space with RUNTIME_ERROR": ("RUNTIME_ERROR",),
    "Space with BUILD_ERROR": ("BUILD_ERROR",),
    "Space with CONFIG_ERROR": ("CONFIG_ERROR",),
    "Space with NO_APP_FILE": ("NO_APP_FILE",),
    "Space in a stage nobody knows": ("SOMETHING_NEW",),
    "Space that is not there": ("404",),
    "control: Space running": ("RUNNING",),
}
