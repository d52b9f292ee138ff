"""A small server of OpenAI's chat API on loopback: it answers with the last question, word by word, over real HTTP.

What it should do otherwise is given as a function from a request to the reply's chunks; see `Reply`. A word with the
blanks before it is a token.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_WORD = re.compile(r"\s*\S+\s*$|\s*\S+")
EVENTS = "text/event-stream; charset=utf-8"


@dataclass(frozen=True)
class Asked:
    """A request as it came in; `headers` have lower-case names."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Reply:
    """`chunks` go out as HTTP chunks; a float among them is a pause in seconds, None breaks the connection off."""

    status: int = 200
    chunks: Iterable[bytes | float | None] = ()
    content_type: str = EVENTS
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


Answer = Callable[[Asked], Reply]


def sse(*payloads: object) -> bytes:
    """Events of a stream: a text as it stands, anything else as JSON."""
    return "".join(
        f"data: {p if isinstance(p, str) else json.dumps(p, ensure_ascii=False)}\n\n" for p in payloads
    ).encode()


def delta(reason: str | None = None, **fields: object) -> dict[str, object]:
    """A piece of an answer."""
    choice = {"index": 0, "delta": fields, "finish_reason": reason}
    return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "choices": [choice]}


def says(*texts: str, reason: str = "stop") -> list[bytes]:
    """A whole answer in the form most servers give it."""
    return [
        sse(delta(role="assistant", content="")),
        *(sse(delta(content=text)) for text in texts),
        sse(delta(reason)),
        sse("[DONE]"),
    ]


def echo(asked: Asked) -> Reply:
    """The question again, at most max_tokens words of it, with its usage."""
    if asked.path.endswith("/models"):
        return Reply(chunks=[json.dumps({"data": [{"id": "echo-1"}]}).encode()], content_type="application/json")
    if asked.path.endswith("/embeddings"):
        texts = asked.json["input"]
        data = [{"index": i, "embedding": [float(len(text)), 0.5]} for i, text in enumerate(texts)]
        body = {"data": data[::-1], "usage": {"prompt_tokens": len(texts)}}
        return Reply(chunks=[json.dumps(body).encode()], content_type="application/json")
    words = _WORD.findall(asked.json["messages"][-1]["content"])
    limit = asked.json.get("max_tokens", len(words))
    read = sum(len(message["content"].split()) for message in asked.json["messages"])
    usage = {"prompt_tokens": read, "completion_tokens": min(limit, len(words)), "total_tokens": 0}
    *chunks, _ = says(*words[:limit], reason="stop" if limit >= len(words) else "length")
    return Reply(chunks=[*chunks, sse({"choices": [], "usage": usage}), sse("[DONE]")])


class Server(ThreadingHTTPServer):
    """`asked` are the requests so far, `connections` how many were made; `url` is the base URL."""

    daemon_threads = True

    def __init__(self, answer: Answer) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer, self.asked, self.connections = answer, list[Asked](), 0
        self.origin = f"http://127.0.0.1:{self.server_port}"
        self.url = f"{self.origin}/v1"

    def process_request(self, request: Any, client_address: Any) -> None:
        self.connections += 1
        super().process_request(request, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is no error here."""


@contextmanager
def serving(answer: Answer = echo) -> Generator[Server]:
    with Server(answer) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="openai-server")
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True
    server: Server  # pyright: ignore[reportIncompatibleVariableOverride]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        asked = Asked(self.command, self.path, {n.lower(): v for n, v in self.headers.items()}, body)
        self.server.asked.append(asked)
        reply = self.server.answer(asked)
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.content_type)
        self.send_header("Transfer-Encoding", "chunked")
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.end_headers()
        for chunk in reply.chunks:
            if chunk is None:
                self.wfile.flush()
                self.close_connection = True
                return
            if not isinstance(chunk, bytes):
                self.wfile.flush()
                time.sleep(chunk)
            elif chunk:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
        self.wfile.write(b"0\r\n\r\n")
        self.wfile.flush()

    do_GET = do_POST

    def log_message(self, format: str, *args: object) -> None:
        pass
