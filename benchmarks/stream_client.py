"""A client that costs little: an asyncio socket, the request's bytes as they are, the text from the answer's events."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from dataclasses import dataclass, field
from time import perf_counter

_LARGEST = 64 * 1024 * 1024  # bytes of a line: as large as an answer
_END = b"data: [DONE]\n\n"


@dataclass(slots=True)
class Answer:
    """`first` and `last` are seconds from the request to the first and the last piece of text."""

    status: int = 0
    text: str = ""
    pieces: int = 0
    first: float = 0.0
    last: float = 0.0
    body: bytes = field(default=b"", repr=False)

    @property
    def whole(self) -> bool:
        """Whether it came to the end of a stream."""
        return self.body.endswith(_END)


def asked(text: str, *, stream: bool, model: str = "echo") -> bytes:
    """A whole request."""
    body = json.dumps({"model": model, "stream": stream, "messages": [{"role": "user", "content": text}]}).encode()
    head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    return head + b"Content-Length: %d\r\n\r\n" % len(body) + body


class Connection:
    """One connection, used for one request after the other."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def to(cls, port: int) -> Connection:
        return cls(*await asyncio.open_connection("127.0.0.1", port, limit=_LARGEST))

    async def ask(self, request: bytes) -> Answer:
        """The answer, whatever its status. Raises IncompleteReadError or ConnectionError where it breaks off."""
        answer, begun = Answer(), perf_counter()
        self.writer.write(request)
        head = (await self.reader.readuntil(b"\r\n\r\n")).lower()
        answer.status = int(head.split()[1])
        if b"transfer-encoding: chunked" not in head:
            length = head.partition(b"content-length:")[2].split(b"\r\n")[0]
            answer.body = await self.reader.readexactly(int(length))
            answer.text = text_of(answer)
            return answer
        parts: list[bytes] = []
        while size := int(await self.reader.readuntil(b"\r\n"), 16):
            parts.append((await self.reader.readexactly(size + 2))[:-2])
            if b'"content":"' in parts[-1]:
                answer.last = perf_counter() - begun
                answer.first = answer.first or answer.last
        await self.reader.readexactly(2)
        answer.body = b"".join(parts)
        answer.text = text_of(answer)
        return answer

    async def close(self) -> None:
        self.writer.close()
        with suppress(ConnectionError):
            await self.writer.wait_closed()


def text_of(answer: Answer) -> str:
    """The words of an answer of status 200, streamed or not; `pieces` is counted on the way."""
    if answer.status != 200:
        return ""
    if not answer.body.startswith((b"data:", b":")):
        answer.pieces = 1
        return str(json.loads(answer.body)["choices"][0]["message"]["content"])
    events = [json.loads(one[6:]) for one in answer.body.split(b"\n\n") if one.startswith(b"data: {")]
    said = [choice["delta"].get("content") or "" for event in events for choice in event.get("choices", ())]
    answer.pieces = sum(bool(piece) for piece in said)
    return "".join(said)
