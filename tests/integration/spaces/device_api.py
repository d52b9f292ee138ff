"""The four routes by which ZeroGPU lends a GPU, on loopback, with a ledger of what was asked for and given back."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Literal
from urllib.parse import parse_qs, urlsplit

from tests.loopback import answering

Mood = Literal["lends", "runs", "pending", "queue fails", "queue", "nothing free", "expired", "crash"]


@dataclass
class Ledger:
    """`left` are the seconds a caller may still have, `longest` those that one call may take."""

    url: str = ""
    left: int = 1000
    longest: int = 1000
    mood: Mood = "lends"
    asked: list[int] = field(default_factory=list[int])
    calls: list[str] = field(default_factory=list[str])
    failed: list[bool] = field(default_factory=list[bool])

    def reset(self) -> None:
        self.left = self.longest = 1000
        self.mood = "lends"
        self.asked.clear()
        self.failed.clear()


class Device(BaseHTTPRequestHandler):
    ledger: Ledger

    def do_POST(self) -> None:
        path, query = urlsplit(self.path).path, parse_qs(urlsplit(self.path).query)
        self.ledger.calls.append(path)
        if path == "/schedule":
            self._schedule(int(query["durationSeconds"][0]))
            return
        if path == "/release":
            self.ledger.failed.append(query["fail"][0].lower() == "true")
        self._answer(200, {})
        if path == "/allow" and self.ledger.mood == "crash":
            os.kill(int(query["pid"][0]), signal.SIGKILL)

    def _schedule(self, seconds: int) -> None:
        own = self.ledger
        own.asked.append(seconds)
        lent: dict[str, object] = {
            "idle": own.mood == "lends" and "/allow" in own.calls,
            "nvidiaIndex": 0,
            "nvidiaUUID": "GPU-0",
        }
        lent["allowToken"] = "lent"
        match own.mood:
            case "runs":
                self._answer(429, {"left": own.left, "wait": 0})
            case "pending":
                self._answer(429, {"left": 0, "wait": 60}, {"X-Approve-Result": "pending-overquota-exceeded"})
            case "queue fails":
                self._events("event: ping\n\n", "event: failed\n\n")
            case "queue":
                self._events("event: ping\n\n", f"event: succeeded\ndata: {json.dumps(lent)}\n\n")
            case "nothing free":
                self._answer(503, {})
            case "expired":
                self._answer(401, {})
            case _ if seconds > own.longest:
                self._answer(429, {"left": own.left, "wait": -1})
            case _ if seconds > own.left:
                self._answer(429, {"left": own.left, "wait": 3723})
            case _:
                self._answer(200, lent)

    def _answer(self, status: int, body: dict[str, object], headers: dict[str, str] | None = None) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _events(self, *events: str) -> None:
        """Each in a packet of its own: `spaces` takes what it reads at once for one event."""
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        for event in events:
            self.wfile.write(event.encode())
            self.wfile.flush()
            threading.Event().wait(0.2)


@contextmanager
def device_api() -> Generator[Ledger]:
    ledger = Ledger()
    with answering(type("Own", (Device,), {"ledger": ledger})) as ledger.url:
        yield ledger
