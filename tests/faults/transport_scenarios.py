"""Faults below the answer: connections, HTTP itself, and sizes nobody expects."""

from __future__ import annotations

import gzip
from functools import cache

from tests.faults.answers import ANSWER, PIECES, begin_answer, completion, event, healthy, said, words
from tests.faults.server import Act, Exchange

MiB = 1 << 20


def reset_before_headers(exchange: Exchange) -> None:
    exchange.reset()


def closed_before_headers(exchange: Exchange) -> None:
    exchange.hang_up()


def half_a_head(exchange: Exchange) -> None:
    exchange.raw(b"HTTP/1.1 200 OK\r\nContent-Ty")
    exchange.hang_up()


def not_http(exchange: Exchange) -> None:
    exchange.raw(b"SSH-2.0-OpenSSH_9.9\r\n")
    exchange.hang_up()


def reset_mid_stream(exchange: Exchange) -> None:
    begin_answer(exchange)
    exchange.wait(0.1)  # what is still in the kernel's buffer would be thrown away with the connection
    exchange.reset()


def closed_mid_stream(exchange: Exchange) -> None:
    begin_answer(exchange)
    exchange.hang_up()


def broken_chunk_size(exchange: Exchange) -> None:
    begin_answer(exchange)
    exchange.raw(b"zz\r\nbad\r\n")
    exchange.wait(3)


def slow_first_byte(exchange: Exchange) -> None:
    exchange.wait(20)
    healthy(exchange)


def headers_then_silence(exchange: Exchange) -> None:
    exchange.begin_stream()
    exchange.wait(20)


def stalled_stream(exchange: Exchange) -> None:
    begin_answer(exchange)
    exchange.wait(20)


def comments_forever(exchange: Exchange) -> None:
    exchange.begin_stream()
    while not exchange.server.stopping.is_set():
        exchange.piece(": ping\n\n")
        exchange.wait(0.1)


def comments_after_the_first_words(exchange: Exchange) -> None:
    exchange.begin_stream()
    exchange.piece(words(PIECES[:2]))
    while not exchange.server.stopping.is_set():
        exchange.piece(": keep-alive\n\n")
        exchange.wait(0.1)


def trickle_forever(exchange: Exchange) -> None:
    exchange.begin_stream()
    while not exchange.server.stopping.is_set():
        exchange.piece(words(("é",)))
        exchange.wait(0.1)


def shorter_than_promised(exchange: Exchange) -> None:
    body = said(completion(ANSWER)).encode()
    exchange.head(200, [("Content-Type", "application/json"), ("Content-Length", str(len(body) + 100))])
    exchange.raw(body)
    exchange.hang_up()


def shorter_stream_than_promised(exchange: Exchange) -> None:
    exchange.head(200, [("Content-Type", "text/event-stream"), ("Content-Length", "100000")])
    exchange.raw(words(PIECES[:2]).encode())
    exchange.hang_up()


def header_of_100_kb(exchange: Exchange) -> None:
    body = said(completion(ANSWER))
    exchange.whole(200, body, "application/json", [("X-Padding", "p" * 100_000)])


def endless_headers(exchange: Exchange) -> None:
    exchange.raw(b"HTTP/1.1 200 OK\r\n")
    while not exchange.server.stopping.is_set():
        exchange.raw(b"X-More: " + b"m" * 60_000 + b"\r\n")


def line_of_64_mib(exchange: Exchange) -> None:
    exchange.begin_stream()
    exchange.piece('data: {"id":"c-1","choices":[{"index":0,"delta":{"content":"')
    exchange.flood(b"x", 64 * MiB)
    exchange.piece('"}}]}\n\n')
    exchange.end_stream()


def line_of_64_mib_mid_answer(exchange: Exchange) -> None:
    begin_answer(exchange)
    exchange.piece('data: {"id":"c-1","choices":[{"index":0,"delta":{"content":"')
    exchange.flood(b"x", 64 * MiB)
    exchange.piece('"}}]}\n\n')
    exchange.end_stream()


def endless_event(exchange: Exchange) -> None:
    """Many short lines of one event, which an empty line never ends."""
    exchange.begin_stream()
    exchange.flood(b'data: {"id": "c-1", "choices": [\n', 64 * MiB)
    exchange.end_stream()


def json_of_100_mb(exchange: Exchange) -> None:
    size = 100_000_000
    first, last = b'{"choices":[{"index":0,"message":{"role":"assistant","content":"', b'"},"finish_reason":"stop"}]}'
    block = b"y" * 100_000
    length = len(first) + size + len(last)
    exchange.head(200, [("Content-Type", "application/json"), ("Content-Length", str(length))])
    exchange.raw(first)
    for _ in range(size // len(block)):
        exchange.raw(block)
    exchange.raw(last)


def error_page_of_100_mb(exchange: Exchange) -> None:
    exchange.head(400, [("Content-Type", "text/html"), ("Transfer-Encoding", "chunked")])
    exchange.flood(b"<p>", 100 * MiB)
    exchange.end_stream()


@cache
def _bomb(first: bytes, last: bytes) -> bytes:
    block = b"0" * MiB
    packed = gzip.compress(first) + gzip.compress(block) * 300 + gzip.compress(last)
    assert len(packed) < 2 * MiB
    return packed


def gzip_bomb(exchange: Exchange) -> None:
    body = _bomb(b'{"choices":[{"index":0,"message":{"content":"', b'"},"finish_reason":"stop"}]}')
    exchange.whole(200, body, "application/json", [("Content-Encoding", "gzip")])


def gzip_bomb_in_a_stream(exchange: Exchange) -> None:
    body = _bomb(b'data: {"choices":[{"index":0,"delta":{"content":"', b'"}}]}\n\n')
    exchange.whole(200, body, "text/event-stream", [("Content-Encoding", "gzip")])


def unknown_coding(exchange: Exchange) -> None:
    exchange.whole(200, b"\x00\x01" * 50, "application/json", [("Content-Encoding", "x-own")])


def damaged_gzip(exchange: Exchange) -> None:
    packed = gzip.compress(said(completion(ANSWER)).encode())
    exchange.whole(200, packed[:20] + b"\xff" * 20 + packed[40:], "application/json", [("Content-Encoding", "gzip")])


def informational_first(exchange: Exchange) -> None:
    """Control: 103 before the true answer."""
    exchange.raw(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")
    healthy(exchange)


def closing_after_each_answer(exchange: Exchange) -> None:
    """Control: HTTP/1.0 manners, the end of the connection is the end of the answer."""
    exchange.head(200, [("Content-Type", "text/event-stream"), ("Connection", "close")])
    exchange.raw((words() + event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})).encode())
    exchange.raw(b"data: [DONE]\n\n")
    exchange.hang_up()


TRANSPORT: dict[str, tuple[Act, ...]] = {
    "reset before headers": (reset_before_headers,),
    "reset before headers twice": (reset_before_headers, reset_before_headers, healthy),
    "closed before headers": (closed_before_headers,),
    "half a head": (half_a_head,),
    "not HTTP": (not_http,),
    "reset mid-stream": (reset_mid_stream,),
    "closed mid-stream": (closed_mid_stream,),
    "broken chunk size": (broken_chunk_size,),
    "slow first byte": (slow_first_byte,),
    "slow first byte once": (slow_first_byte, healthy),
    "headers then silence": (headers_then_silence,),
    "stalled stream": (stalled_stream,),
    "comments forever": (comments_forever,),
    "comments after the first words": (comments_after_the_first_words,),
    "trickle forever": (trickle_forever,),
    "shorter than promised": (shorter_than_promised,),
    "shorter than promised once": (shorter_than_promised, healthy),
    "shorter stream than promised": (shorter_stream_than_promised,),
    "header of 100 KB": (header_of_100_kb,),
    "endless headers": (endless_headers,),
    "line of 64 MiB": (line_of_64_mib,),
    "line of 64 MiB mid-answer": (line_of_64_mib_mid_answer,),
    "endless event": (endless_event,),
    "JSON of 100 MB": (json_of_100_mb,),
    "error page of 100 MB": (error_page_of_100_mb,),
    "gzip bomb": (gzip_bomb,),
    "gzip bomb in a stream": (gzip_bomb_in_a_stream,),
    "unknown coding": (unknown_coding,),
    "damaged gzip": (damaged_gzip,),
    "control: informational first": (informational_first,),
    "control: closing after the answer": (closing_after_each_answer,),
}
