"""TLS: the same times through it, and a certificate that nobody vouches for is refused."""

from __future__ import annotations

import shutil
import ssl
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.integration.benchmark.known import send
from tests.unit.benchmark.replies import DONE, chunk, event, usage
from unified_intelligence.benchmark.plan import Load, read_url
from unified_intelligence.benchmark.session import reach
from unified_intelligence.entities.errors import TlsError

LONG = "Ça va à 5 % 🙂\n" * 4000  # more than a TLS record


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        data = b'{"data": [{"id": "sealed"}]}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(chunk(event(content=LONG)))
        self.wfile.write(chunk(event(content="fin", finish="stop") + usage(2)) + DONE)

    def log_message(self, format: str, *args: object) -> None:
        pass


class Sealed(NamedTuple):
    url: str
    certificate: Path


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """A client that trusts nobody hangs up: that is what is tested."""


@pytest.fixture
def sealed(tmp_path: Path) -> Iterator[Sealed]:
    if shutil.which("openssl") is None:
        pytest.skip("no openssl to make a certificate with")
    certificate, key = tmp_path / "c.pem", tmp_path / "k.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
         "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(certificate)],
        check=True, capture_output=True,
    )  # fmt: skip
    server = _Server(("127.0.0.1", 0), _Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield Sealed(f"https://localhost:{server.server_port}/v1", certificate)
    server.shutdown()
    thread.join()
    server.server_close()


def test_answers_come_through_tls(sealed: Sealed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(sealed.certificate))
    assert reach(read_url(sealed.url)).models == ("sealed",)
    gathered = send(sealed.url, "sealed", Load(concurrency=2, requests=6))
    assert {(row.error, row.text == f"{LONG}fin", row.tokens) for row in gathered.rows} == {("", True, 2)}
    assert gathered.accounts[0].connections == 2
    assert all(row.ttft_ms is not None and row.ttft_ms > 0 for row in gathered.rows)


def test_a_certificate_that_nobody_vouches_for_is_refused(sealed: Sealed) -> None:
    with pytest.raises(TlsError):
        reach(read_url(sealed.url))
