"""The four routes by which ZeroGPU lends a GPU, on loopback, with a ledger of what was asked for and given back."""

from __future__ import annotations

import json
import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


class Ledger:
    """`left` are the seconds a caller may still have."""

    def __init__(self) -> None:
        self.url, self.left = "", 1000
        self.asked: list[int] = []
        self.calls: list[str] = []
        self.failed: list[bool] = []


@contextmanager
def device_api() -> Generator[Ledger]:
    ledger = Ledger()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            path, query = urlsplit(self.path).path, parse_qs(urlsplit(self.path).query)
            ledger.calls.append(path)
            if path == "/schedule":
                self._schedule(int(query["durationSeconds"][0]))
            else:
                if path == "/release":
                    ledger.failed.append(query["fail"][0].lower() == "true")
                self._answer(200, {})

        def _schedule(self, seconds: int) -> None:
            ledger.asked.append(seconds)
            if seconds > ledger.left:
                self._answer(429, {"left": ledger.left, "wait": 3723})
            else:
                used = "/allow" in ledger.calls
                self._answer(200, {"idle": used, "nvidiaIndex": 0, "nvidiaUUID": "GPU-0", "allowToken": "lent"})

        def _answer(self, status: int, body: dict[str, object]) -> None:
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        ledger.url = f"http://127.0.0.1:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield ledger
        server.shutdown()
