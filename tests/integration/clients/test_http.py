"""Bytes to and from real servers on loopback: where they may go, how many may come, which connections are kept."""

from __future__ import annotations

import asyncio
import gzip
import socket
import struct
import sys
import threading
import zlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import contextmanager
from types import AsyncGeneratorType
from typing import TYPE_CHECKING, Any, TypeVar, cast

import pytest

from tests.openai_server import Asked, Reply, serving
from unified_intelligence.adapters.http import LARGEST_BODY, Http, Request
from unified_intelligence.adapters.timers import Timers, Watch
from unified_intelligence.entities.errors import (
    ConfigurationError,
    ConnectionFailedError,
    ProtocolError,
    ProviderError,
    TimedOutError,
    TlsError,
    UnifiedIntelligenceError,
)

if TYPE_CHECKING:
    from collections.abc import Generator

T = TypeVar("T")
WORDS = "Ça va ?\n\u2028🙂".encode()
KEY = {"Authorization": "Bearer sk-canary"}


def using(play: Callable[[Http, Watch], Awaitable[T]], timers: Timers | None = None) -> T:
    async def run() -> T:
        chosen = timers or Timers(total=20.0)
        http, watch = Http(), Watch(chosen, asyncio.get_running_loop().time() + chosen.total)
        try:
            return await play(http, watch)
        finally:
            watch.close()
            http.close()

    return asyncio.run(run())


def fetched(url: str, method: str = "GET", timers: Timers | None = None) -> bytes:
    body = b"{}" if method == "POST" else b""
    request = Request(method, url, KEY, body, ("sk-canary",))
    return using(lambda http, watch: http.fetch(request, watch), timers)


def moved_to(address: str) -> Callable[[Asked], Reply]:
    def answer(asked: Asked) -> Reply:
        return Reply(chunks=[WORDS]) if asked.path == "/new" else Reply(307, headers={"Location": address})

    return answer


def test_a_body_comes_whole_and_is_asked_for_uncompressed() -> None:
    with serving(lambda _: Reply(chunks=[WORDS[:2], WORDS[2:]])) as server:
        assert fetched(f"{server.origin}/x") == WORDS
        assert server.asked[0].headers["accept-encoding"] == "identity"


def test_connections_are_kept_within_a_loop_and_end_with_it() -> None:
    with serving(lambda _: Reply(chunks=[WORDS])) as server:

        async def thrice(http: Http, watch: Watch) -> None:
            for _ in range(3):
                reply = await http.open(Request("GET", server.origin), watch)
                assert await reply.whole() == WORDS
                await reply.aclose()

        using(thrice)
        assert server.connections == 1
        using(thrice)
        assert server.connections == 2


@pytest.mark.parametrize("how", ["closed", "reset"])
def test_a_kept_connection_that_ends_when_it_is_used_again_is_no_failure(how: str) -> None:
    """Two connections are kept; both end as their server reads the next request. A third one is answered."""
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(WORDS), WORDS)
    made: list[socket.socket] = []

    def serve(connection: socket.socket) -> None:
        with connection:
            connection.recv(65536)
            connection.sendall(answer)
            connection.recv(65536)
            if how == "reset":
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def accept(listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            made.append(connection)
            threading.Thread(target=serve, args=(connection,)).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, args=(listener,), daemon=True).start()
        asked = Request("POST", f"http://127.0.0.1:{listener.getsockname()[1]}/", body=WORDS)

        async def play(http: Http, watch: Watch) -> None:
            both = [await http.open(asked, watch), await http.open(asked, watch)]
            for reply in both:
                assert await reply.whole() == WORDS
                await reply.aclose()
            assert len(made) == 2
            reply = await http.open(asked, watch)
            assert await reply.whole() == WORDS
            await reply.aclose()

        using(play)
        listener.shutdown(socket.SHUT_RDWR)
    assert len(made) == 3


def test_a_question_is_not_sent_on() -> None:
    with serving(moved_to("/new")) as server:
        with pytest.raises(ProviderError, match="307") as moved:
            fetched(f"{server.origin}/old", "POST")
        assert f"{server.origin}/new" in moved.value.message
        assert moved.value.code == "provider"
        assert [asked.path for asked in server.asked] == ["/old"]


def test_a_look_is_sent_on_within_its_origin_only() -> None:
    with serving(moved_to("/new")) as server, serving(moved_to(f"{server.origin}/new")) as other:
        assert fetched(f"{server.origin}/old") == WORDS
        with pytest.raises(ProviderError, match="points to"):
            fetched(f"{other.origin}/old")
        assert len(server.asked) == 2


def test_a_circle_ends() -> None:
    with serving(moved_to("/old")) as server, pytest.raises(ProviderError, match="circle"):
        fetched(f"{server.origin}/old")


TWO_MEMBERS = gzip.compress(WORDS[:3], mtime=0) + gzip.compress(WORDS[3:], mtime=0)


@pytest.mark.parametrize(
    ("coding", "packed"),
    [("gzip", gzip.compress(WORDS, mtime=0)), ("deflate", zlib.compress(WORDS)), ("gzip", TWO_MEMBERS)],
    ids=["gzip", "deflate", "two members"],
)
def test_what_is_compressed_all_the_same_is_unpacked(coding: str, packed: bytes) -> None:
    with serving(lambda _: Reply(chunks=[packed[:7], packed[7:]], headers={"Content-Encoding": coding})) as server:
        assert fetched(server.origin) == WORDS


@pytest.mark.parametrize(
    ("coding", "packed", "words"),
    [("br", b"x", "encoding 'br'"), ("gzip", b"not gzip at all", "decompressed"),
     ("gzip", gzip.compress(b"0" * (LARGEST_BODY + 1)), "more than 16 MiB")],
)  # fmt: skip
def test_what_cannot_be_unpacked_or_is_too_much(coding: str, packed: bytes, words: str) -> None:
    with serving(lambda _: Reply(chunks=[packed], headers={"Content-Encoding": coding})) as server:
        with pytest.raises(ProtocolError, match=words) as refused:
            fetched(server.origin)
        assert refused.value.hint


@pytest.mark.parametrize("read", [0, 1])
def test_a_reply_that_is_left_early_leaves_nothing_to_the_garbage_collector(read: int) -> None:
    """What was begun of it has ended when it is closed, on the loop on which it ran."""
    begun: list[AsyncGeneratorType[Any, Any]] = []

    async def leave(http: Http, watch: Watch) -> list[str]:
        noted = sys.get_asyncgen_hooks()

        def note(generator: AsyncGenerator[Any, Any]) -> None:
            begun.append(cast("AsyncGeneratorType[Any, Any]", generator))
            if noted.firstiter is not None:
                noted.firstiter(generator)

        sys.set_asyncgen_hooks(note, noted.finalizer)
        reply = await http.open(Request("GET", server.origin), watch)
        for _ in range(read):
            assert await reply.read() == WORDS
        await reply.aclose()
        return [repr(one) for one in begun if one.ag_frame is not None and "httpx2" in one.ag_code.co_filename]

    with serving(lambda _: Reply(chunks=[WORDS] * 3)) as server:
        assert using(leave) == []
    assert len(begun) > read


def test_too_large_a_head_is_refused() -> None:
    headers = {f"X-{n}": "é" * 9000 for n in range(8)}
    with serving(lambda _: Reply(chunks=[WORDS], headers=headers)) as server, pytest.raises(ProviderError):
        fetched(server.origin)


@contextmanager
def listening(answer: bytes | None) -> Generator[int]:
    """A port that sends these bytes to whoever connects, or nothing at all."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        held: list[socket.socket] = []

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                held.append(connection)
                if answer is not None:
                    connection.recv(65536)
                    connection.sendall(answer)

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
            for connection in held:
                connection.close()


def test_tls_where_none_is_spoken() -> None:
    with listening(b"HTTP/1.1 400 Bad Request\r\n\r\n") as port, pytest.raises(TlsError, match="No TLS") as refused:
        fetched(f"https://127.0.0.1:{port}/v1")
    assert "http://" in refused.value.hint
    assert not refused.value.retryable
    with listening(None) as port, pytest.raises(TlsError, match="no answer to its greeting"):
        fetched(f"https://127.0.0.1:{port}/v1", timers=Timers(connect=0.3))


def test_a_server_that_says_nothing() -> None:
    async def play(http: Http, watch: Watch) -> None:
        watch.begin("first_token", 0.2)
        await http.open(Request("GET", f"http://127.0.0.1:{port}"), watch)

    with listening(None) as port, pytest.raises(TimedOutError) as late:
        using(play, Timers(first_token=0.2))
    assert late.value.which == "first token"


@pytest.mark.parametrize(
    ("answer", "kind"),
    [(b"", ConnectionFailedError), (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n12", ConnectionFailedError),
     (b"SSH-2.0-OpenSSH\r\n", ConnectionFailedError)],
)  # fmt: skip
def test_a_connection_that_breaks(answer: bytes, kind: type[UnifiedIntelligenceError]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def once() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(answer)

        thread = threading.Thread(target=once)
        thread.start()
        with pytest.raises(kind) as broken:
            fetched(f"http://127.0.0.1:{listener.getsockname()[1]}/v1")
        thread.join()
    assert broken.value.__cause__ is not None
    assert "sk-canary" not in repr(broken.value.__cause__) + str(broken.value)


def test_nobody_there_and_no_address() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(ConnectionFailedError, match=f"127.0.0.1:{port}") as refused:
        fetched(f"http://127.0.0.1:{port}/v1/models")
    assert "curl" in refused.value.hint
    with pytest.raises(ConfigurationError):
        fetched("ftp://127.0.0.1/")


def test_a_request_shows_no_key() -> None:
    assert "canary" not in repr(Request("GET", "http://h", KEY, b"canary", ("sk-canary",)))
