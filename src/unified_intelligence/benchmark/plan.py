"""What is asked of a worker, as it is written to it: nothing in here is on a command line, for there may be a key."""

from __future__ import annotations

from typing import Any

from msgspec import Struct, field

from unified_intelligence.entities.errors import InvalidRequestError

# What is measured where nobody says how much: for each at once, of an open load, and an open load's warm-up.
REQUESTS_EACH, REQUESTS, OPEN_WARMUP = 10, 100, 5
_CHAT = "/chat/completions"


class Target(Struct, kw_only=True, frozen=True):
    """Where requests go. `headers` hold the key; `host` is who TLS must prove.

    With `events`, as a Gradio app has it, an answer is two requests: what is posted to `path` gives an event's id, and
    what comes of that is read from `events` with the id behind it.
    """

    host: str
    port: int
    path: str
    tls: bool = False
    headers: dict[str, str] = field(default_factory=dict[str, str])
    events: str = ""

    @property
    def authority(self) -> str:
        """Host and port as the Host header has them."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def base(self) -> str:
        """The path of the API whose chat completions `path` is."""
        return self.path.removesuffix(_CHAT)

    @property
    def address(self) -> str:
        return f"{'https' if self.tls else 'http'}://{self.host}:{self.port}{self.path}"


class Prompt(Struct, kw_only=True, frozen=True):
    """`max_tokens` None is the run's own."""

    messages: list[dict[str, Any]]
    max_tokens: int | None = None


class Load(Struct, kw_only=True, frozen=True):
    """How requests come. Closed (`concurrency` > 0): so many under way at any time. Open: at `rate` a second.

    An open load with `rate_end` goes linearly from `rate` to it; `trace` gives the times themselves, in seconds.
    One of `requests` and `duration` (seconds) bounds it. The first `warmup` requests, or those of the first
    `warmup_seconds`, are made and not measured.
    """

    concurrency: int = 0
    rate: float = 0.0
    rate_end: float = 0.0
    arrival: str = "poisson"
    trace: tuple[float, ...] = ()
    requests: int = 0
    duration: float = 0.0
    warmup: int = 0
    warmup_seconds: float = 0.0
    seed: int = 0

    @property
    def is_open(self) -> bool:
        return not self.concurrency

    @property
    def label(self) -> str:
        """Its name in tables."""
        if self.concurrency:
            return f"c{self.concurrency}"
        if self.trace:
            return "trace"
        return f"r{self.rate:g}" + (f"-{self.rate_end:g}" if self.rate_end else "")


class Share(Struct, kw_only=True, frozen=True):
    """A worker's part: its requests are `numbers`, sent at `times` (ns after the start), or by so many `slots`.

    `numbers` is (first, step, how many); how many 0 is without end, until `duration_ns`.
    """

    worker: int
    target: Target
    place: list[Any]
    family: int
    bodies: list[str]
    numbers: tuple[int, int, int]
    times: list[int] = field(default_factory=list[int])
    slots: int = 0
    duration_ns: int = 0
    warmup: int = 0
    warmup_ns: int = 0
    timeout_ns: int = 600_000_000_000
    run: str = ""


class Told(Struct, kw_only=True, frozen=True):
    """What a worker says of itself. Rows are lines of their own; this is the progress, and at the end the account.

    `in_flight_ns` is the sum over time of the requests under way; `clock_moved_ms` how far the clock was set meanwhile.
    """

    kind: str
    worker: int
    sent: int = 0
    done: int = 0
    failed: int = 0
    in_flight: int = 0
    cpu_s: float = 0.0
    wall_s: float = 0.0
    in_flight_ns: float = 0.0
    clock_moved_ms: float = 0.0
    connections: int = 0
    message: str = ""


def read_url(url: str) -> Target:
    """The target of a base URL as clients of OpenAI's API take it. Raises InvalidRequestError."""
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        parts, port = None, 0
    if parts is None or parts.scheme not in {"http", "https"} or not parts.hostname or parts.username:
        raise InvalidRequestError(f"{url!r} is no address.", hint="Such as: --url http://127.0.0.1:8000/v1")
    base = parts.path.rstrip("/").removesuffix(_CHAT) or "/v1"
    return Target(host=parts.hostname, port=port, path=base + _CHAT, tls=parts.scheme == "https")
