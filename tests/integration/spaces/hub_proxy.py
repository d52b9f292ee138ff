"""The Hub's proxy before a Space, on loopback: it takes the caller's token out and puts one of ZeroGPU in its place."""

from __future__ import annotations

import http.client
from base64 import urlsafe_b64encode
from collections.abc import Generator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler
from urllib.parse import urlsplit

from tests.loopback import answering

ZERO_TOKEN = ".".join(("e30", urlsafe_b64encode(b'{"user": "me"}').decode().rstrip("="), "x"))
_OWN = {"connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "host", "x-hf-authorization"}


class Proxy(BaseHTTPRequestHandler):
    upstream: str

    def do_GET(self) -> None:
        self._pass_on()

    def do_POST(self) -> None:
        self._pass_on()

    def _pass_on(self) -> None:
        headers = {name: value for name, value in self.headers.items() if name.lower() not in _OWN}
        if "x-hf-authorization" in self.headers:
            headers["X-IP-Token"] = ZERO_TOKEN
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        connection = http.client.HTTPConnection(urlsplit(self.upstream).netloc, timeout=60)
        with suppress(ConnectionError):
            connection.request(self.command, self.path, body, headers)
            answer = connection.getresponse()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in _OWN:
                    self.send_header(name, value)
            self.end_headers()
            while piece := answer.read1():
                self.wfile.write(piece)
        connection.close()


@contextmanager
def hub_proxy(upstream: str) -> Generator[str]:
    """Its address."""
    with answering(type("Own", (Proxy,), {"upstream": upstream})) as url:
        yield url
