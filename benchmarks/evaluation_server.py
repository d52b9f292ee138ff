"""A chat server for the measurement of harnesses: every answer comes whole, so many seconds after its question.

python benchmarks/evaluation_server.py DELAY    prints its port, and serves until it is stopped
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

_USAGE = {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}
_SAID = "Très bien, merci 🙂"


def _event(payload: object) -> bytes:
    return b"data: " + (payload if isinstance(payload, bytes) else json.dumps(payload).encode()) + b"\n\n"


def _streamed() -> bytes:
    fixed: dict[str, Any] = {"id": "c", "object": "chat.completion.chunk", "created": 1790000000, "model": "m"}
    delta: dict[str, Any] = {"index": 0, "delta": {"role": "assistant", "content": _SAID}, "finish_reason": None}
    end: dict[str, Any] = {"index": 0, "delta": {}, "finish_reason": "stop"}
    events: list[object] = [{**fixed, "choices": [delta]}, {**fixed, "choices": [end], "usage": _USAGE}, b"[DONE]"]
    return b"".join(map(_event, events))


def _whole() -> bytes:
    message = {"role": "assistant", "content": _SAID}
    choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
    told = {"id": "c", "object": "chat.completion", "created": 1790000000, "model": "m", "choices": [choice]}
    return json.dumps({**told, "usage": _USAGE}).encode()


def _reply(kind: str, body: bytes) -> bytes:
    return f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


async def serve(delay: float) -> None:
    streamed, whole = _reply("text/event-stream", _streamed()), _reply("application/json", _whole())

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                lines = head.lower().split(b"\r\n")
                size = next((line for line in lines if line.startswith(b"content-length:")), b":0")
                body = await reader.readexactly(int(size.partition(b":")[2]))
                await asyncio.sleep(delay)
                writer.write(streamed if b'"stream":true' in body.replace(b" ", b"") else whole)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, backlog=256)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(float(sys.argv[1])))
