"""A Gradio app that misbehaves, on bare sockets: its offer and a call's beginning are pages, a stream is an act."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from tests.faults.server import Act, Exchange, FaultServer

Page = Callable[[FaultServer, Exchange], None]

CONFIG = {"version": "6.31.0", "api_prefix": "/gradio_api"}
INFO = {"named_endpoints": {"/generate": {"parameters": [{"parameter_name": n} for n in ("messages", "config")]}}}
END = {"type": "end", "finish_reason": "stop", "usage": {"prompt_tokens": 1, "completion_tokens": 1}}


def page(body: object, status: int = 200, kind: str = "application/json") -> Page:
    text = body if isinstance(body, str) else json.dumps(body)
    return lambda _, exchange: exchange.whole(status, text, kind)


def typed(*events: object, last: bool = True) -> str:
    """The stream of a function that yields these."""
    sent = [("generating", event) for event in events] + [("complete", events[-1])] * last
    return "".join(f"event: {name}\ndata: {json.dumps([event], ensure_ascii=False)}\n\n" for name, event in sent)


def streams(*pieces: str | bytes | float | None) -> Act:
    """Pieces of a stream; a number is a pause in seconds, and None resets the connection."""

    def act(exchange: Exchange) -> None:
        exchange.begin_stream()
        for piece in pieces:
            if piece is None:
                exchange.wait(0.1)
                exchange.reset()
                return
            if isinstance(piece, str | bytes):
                exchange.piece(piece)
            else:
                exchange.wait(piece)
        exchange.end_stream()

    return act


PAGES: Mapping[str, Page] = {
    "/config": page(CONFIG),
    "/gradio_api/info": page(INFO),
    "/gradio_api/call/v2/generate": page({"event_id": "e1"}),
}


def misbehaving(*acts: Act, **pages: Page) -> FaultServer:
    """A server of these streams; `config`, `info`, `call` and `api` are pages in place of the good ones."""
    places = {"config": "/config", "info": "/gradio_api/info", "call": "/gradio_api/call/v2/generate", "api": "/api"}
    return FaultServer(acts, {**PAGES, **{places[name]: given for name, given in pages.items()}})
