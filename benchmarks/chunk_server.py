"""One loopback server for the measurements of clients: any number of chunks of a streamed answer, as fast as they go.

    python benchmarks/chunk_server.py CHUNKS    prints its port, and serves until it is stopped

POST /plain/v1/chat/completions sends the body up to the end of the connection, /chunked/v1/... each event in an HTTP
chunk of its own, as uvicorn does. The bytes are made once: the server's own work does not hide a client's.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

HEAD = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
WORDS = ("Les", " intérêts", " composés", " croissent", " :", " 1 000 €", " → ", "🙂", "\u2028", " fin", ".\n")


def events(chunks: int) -> list[bytes]:
    """The events of an answer of so many chunks, its end among them."""
    fixed = {"id": "chatcmpl-7d2f9a4be1c84d5f", "object": "chat.completion.chunk", "created": 1790000000, "model": "m"}
    said: list[Any] = [
        {**fixed, "choices": [{"index": 0, "delta": {"content": WORDS[i % len(WORDS)]}, "logprobs": None,
                               "finish_reason": None}]}
        for i in range(chunks - 1)
    ]  # fmt: skip
    said.append({**fixed, "choices": [{"index": 0, "delta": {}, "logprobs": None, "finish_reason": "stop"}]})
    lines = [f"data: {json.dumps(one, ensure_ascii=False)}\n\n".encode() for one in said]
    return [*lines, b"data: [DONE]\n\n"]


async def serve(chunks: int) -> None:
    sent = events(chunks)
    plain = f"{HEAD}Connection: close\r\n\r\n".encode() + b"".join(sent)
    chunked = f"{HEAD}Transfer-Encoding: chunked\r\n\r\n".encode()
    chunked += b"".join(b"%x\r\n%b\r\n" % (len(one), one) for one in sent) + b"0\r\n\r\n"

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                lines = head.lower().split(b"\r\n")
                size = next((line for line in lines if line.startswith(b"content-length:")), b":0")
                await reader.readexactly(int(size.partition(b":")[2]))
                writer.write(plain if b" /plain/" in head else chunked)
                await writer.drain()
                if b" /plain/" in head:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
