"""The clients of `serving_load`: so many at once, each a visit after the other, until the time is over.

    python -m benchmarks.serving_visitors PORT SECONDS STREAMS    prints what they saw, as JSON

| visit | what it does |
| --- | --- |
| whole | reads the answer, streamed or not, to its end and compares it |
| mid-head | leaves within its own headers or body |
| mid-stream | leaves after a part of the answer, with a reset as often as with a goodbye |
| half-open | says that it will send no more and never reads |
| unread | asks for a long answer of long words, reads nothing for seconds, and leaves |
"""

from __future__ import annotations

import asyncio
import json
import random
import socket
import struct
import sys
import time
from collections import Counter
from dataclasses import dataclass, field

from benchmarks.stream_client import Connection, asked

WORDS = ("Café", "crème", "5 €", "🎉", "zweite\nZeile", "und\u2028noch", "eine", "1\u00a0000", "👩‍🚀", "fin.")
VISITS = {"whole": 50, "mid-head": 12, "mid-stream": 26, "half-open": 7, "unread": 5}
_LONGEST = 120.0  # seconds a visit may take


@dataclass(slots=True)
class Told:
    """`wrong` are answers that are not the question, `failed` those that did not come."""

    visits: Counter[str] = field(default_factory=Counter[str])
    pieces: int = 0
    exact: int = 0
    wrong: int = 0
    failed: Counter[str] = field(default_factory=Counter[str])
    first: list[float] = field(default_factory=list[float])


def question(chance: random.Random, least: int = 1, most: int = 200, longest: int = 1) -> str:
    count = chance.randint(least, most)
    return " ".join(chance.choice(WORDS) * chance.randint(1, longest) for _ in range(count))


async def whole(port: int, told: Told, chance: random.Random) -> None:
    """One to three questions on a connection."""
    connection = await Connection.to(port)
    try:
        for _ in range(chance.randint(1, 3)):
            text, stream = question(chance), chance.random() < 0.8
            answer = await connection.ask(asked(text, stream=stream))
            if answer.status != 200:
                told.failed[str(answer.status)] += 1
            elif answer.text != text or (stream and not answer.whole):
                told.wrong += 1
            else:
                told.exact += 1
            told.pieces += answer.pieces
            if answer.first:
                told.first.append(answer.first)
    finally:
        await connection.close()


async def leaves(port: int, told: Told, chance: random.Random, visit: str) -> None:
    """Everything but reading to the end."""
    long_words = 2000 if visit == "unread" else 1
    request = asked(question(chance, 20, 200, long_words), stream=visit == "unread" or chance.random() < 0.7)
    connection = await Connection.to(port)
    reader, writer = connection.reader, connection.writer
    try:
        if visit == "mid-head":
            writer.write(request[: chance.randrange(len(request))])
            await asyncio.sleep(chance.random())
            return
        writer.write(request)
        await writer.drain()
        if visit == "half-open":
            writer.write_eof()
            await asyncio.sleep(chance.uniform(1, 5))
        elif visit == "unread":
            writer.transport.pause_reading()  # type: ignore[attr-defined]
            await asyncio.sleep(chance.uniform(1, 8))
        else:
            for _ in range(chance.randint(0, 30)):
                try:
                    piece = await asyncio.wait_for(reader.read(4096), chance.uniform(0.05, 1))
                except TimeoutError:
                    break
                told.pieces += piece.count(b'"content":"') - piece.count(b'"content":""')
                if not piece:
                    break
        if chance.random() < 0.5:
            own = writer.get_extra_info("socket")
            own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    finally:
        writer.transport.abort()


async def visits(port: int, end: float, told: Told, seed: int) -> None:
    chance = random.Random(seed)
    while time.monotonic() < end:
        (visit,) = chance.choices(list(VISITS), list(VISITS.values()))
        told.visits[visit] += 1
        try:
            async with asyncio.timeout(_LONGEST):
                await (whole(port, told, chance) if visit == "whole" else leaves(port, told, chance, visit))
        except (OSError, EOFError, TimeoutError) as error:
            told.failed[f"{visit}: {type(error).__name__}"] += 1
            await asyncio.sleep(0.1)


async def all_visits(port: int, seconds: float, streams: int) -> dict[str, object]:
    told, began = Told(), time.monotonic()
    await asyncio.gather(*(visits(port, began + seconds, told, number) for number in range(streams)))
    taken = time.monotonic() - began
    first = sorted(told.first)
    return {
        "seconds": round(taken, 1),
        "at once": streams,
        "visits": dict(told.visits),
        "answers read to the end and exact": told.exact,
        "answers with another text": told.wrong,
        "failed": dict(told.failed),
        "tokens read a second": round(told.pieces / taken, 1),
        "first token, median ms": round(first[len(first) // 2] * 1000, 1) if first else None,
    }


if __name__ == "__main__":
    port, seconds, streams = sys.argv[1:]
    print(json.dumps(asyncio.run(all_visits(int(port), float(seconds), int(streams)))))
