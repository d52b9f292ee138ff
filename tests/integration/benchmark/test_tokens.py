"""Whose count of an answer's tokens is taken, and who says it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler
from typing import ClassVar

import pytest

from tests.loopback import answering
from tests.unit.benchmark.replies import row
from unified_intelligence.benchmark.connection import resolve
from unified_intelligence.benchmark.plan import read_url
from unified_intelligence.benchmark.row import Row
from unified_intelligence.benchmark.tokens import Counter, ServerTokenizer, count_tokens

TEXT = "Été — 20 €\n🙂\u2028"


def by(count: int | None) -> Counter:
    def counter(texts: Sequence[str]) -> Sequence[int] | None:
        return None if count is None else [count] * len(texts)

    return counter


def test_usage_is_first_and_events_are_last() -> None:
    def rows() -> list[Row]:
        told, counted = row(0), row(1, counted_by="events", text=TEXT)
        called, failed = row(2, counted_by="events", tools="{}"), row(3, counted_by="events", error="cut")
        return [told, counted, called, failed]

    for counters, name, tokens in (
        ({"tokenize": by(7), "tokenizer": by(9)}, "tokenize", 7),
        ({"tokenize": by(None), "tokenizer": by(9)}, "tokenizer", 9),
        ({"tokenize": by(None)}, "events", 5),
        ({}, "events", 5),
    ):
        found = rows()
        count_tokens(found, counters)
        assert [own.counted_by for own in found] == ["usage", name, "events", "events"]
        assert found[1].tokens == tokens


class Tokenizing(BaseHTTPRequestHandler):
    form: ClassVar[set[str]] = set()
    seen: ClassVar[list[str]] = []
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.seen.append(self.path)
        text = asked.get("prompt") or asked.get("content")
        body = json.dumps({"tokens": list(text.encode())}).encode()
        self.send_response(200 if asked.keys() == self.form else 400)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def url() -> Iterator[str]:
    with answering(Tokenizing) as origin:
        yield f"{origin}/v1"


@pytest.mark.parametrize(
    "form", [{"model", "prompt", "add_special_tokens"}, {"model", "prompt"}, {"content", "add_special"}, {"other"}]
)
def test_a_server_is_asked_in_its_own_form(url: str, form: set[str]) -> None:
    Tokenizing.form = form
    Tokenizing.seen = []
    target = read_url(url)
    counter = ServerTokenizer(target, resolve(target.host, target.port)[0], "m")
    found = counter([TEXT, "a", TEXT])
    assert found == (None if form == {"other"} else [len(TEXT.encode()), 1, len(TEXT.encode())])
    assert set(Tokenizing.seen) == {"/tokenize"}


def test_a_server_that_is_gone_counts_nothing() -> None:
    target = read_url("http://127.0.0.1:9/v1")
    assert ServerTokenizer(target, resolve(target.host, target.port)[0], "m")([TEXT]) is None
