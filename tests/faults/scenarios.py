"""Every scenario by its name, and the playing of one: what a test or a benchmark starts from."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.faults.answers import healthy
from tests.faults.server import FaultServer, closed_port
from tests.faults.space_scenarios import SPACE, SPACES, Hub
from tests.faults.status_scenarios import STATUSES
from tests.faults.stream_scenarios import STREAMS
from tests.faults.transport_scenarios import TRANSPORT

REFUSED, TLS, DEAF_TLS = "refused", "TLS to a plain port", "TLS to a port that says nothing"
NAMES = (REFUSED, TLS, DEAF_TLS, *TRANSPORT, *STATUSES, *STREAMS, *SPACES)


@dataclass(frozen=True)
class Play:
    """A scenario that is being played. `space` is empty where there is none; the Hub is then never asked."""

    name: str
    server: FaultServer
    url: str
    space: str = ""

    @property
    def hub(self) -> str:
        return self.server.origin


@contextmanager
def played(name: str) -> Generator[Play]:
    """Starts the server of a scenario and stops it. Raises KeyError for a name nobody knows."""
    if name in SPACES:
        hub = Hub(SPACES[name])
        with FaultServer((hub.answer,), pages={"/api/": hub.runtime}) as server:
            yield Play(name, server, server.url, SPACE)
    elif name in {REFUSED, TLS, DEAF_TLS}:
        with FaultServer((healthy,), answers_tls=name == TLS) as server:
            refused = f"http://127.0.0.1:{closed_port()}/v1"
            yield Play(name, server, refused if name == REFUSED else server.url.replace("http:", "https:"))
    else:
        with FaultServer({**TRANSPORT, **STATUSES, **STREAMS}[name]) as server:
            yield Play(name, server, server.url)
