"""How many tokens answers have whose server counted none: counted after the run, and said by whom.

The server's own count (`usage`) is always the first; then its /tokenize, then a tokenizer that was given, and only then
the number of events.
"""

from __future__ import annotations

import http.client
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from unified_intelligence.benchmark.asking import connected
from unified_intelligence.benchmark.connection import Address
from unified_intelligence.benchmark.plan import Target
from unified_intelligence.benchmark.reply import EVENTS
from unified_intelligence.benchmark.row import Row

SERVER, FILE = "tokenize", "tokenizer"
Counter = Callable[[Sequence[str]], Sequence[int] | None]
"""The tokens of each text; None from who cannot tell."""

_FORMS: Sequence[Callable[[str, str], Mapping[str, Any]]] = (
    lambda model, text: {"model": model, "prompt": text, "add_special_tokens": False},
    lambda model, text: {"model": model, "prompt": text},
    lambda _, text: {"content": text, "add_special": False},
)


def count_tokens(rows: Iterable[Row], counters: Mapping[str, Counter]) -> None:
    """Counts anew whole answers of which only events were counted. Calls stay: their own tokens are in no text."""
    left = [row for row in rows if row.counted_by == EVENTS and not row.error and not row.tools]
    for name, count in counters.items():
        if not left:
            return
        counts = count([row.reasoning + row.text for row in left])
        if counts is None:
            continue
        for row, tokens in zip(left, counts, strict=True):
            row.tokens, row.counted_by = tokens, name
        return


class ServerTokenizer:
    """POST /tokenize, as vLLM, llama.cpp and our own server have it, each in its own form."""

    def __init__(self, target: Target, address: Address, model: str) -> None:
        self._target, self._address, self._model = target, address, model
        self._path = f"{target.base.removesuffix('/v1')}/tokenize"

    def __call__(self, texts: Sequence[str]) -> Sequence[int] | None:
        try:
            connection = connected(self._target, self._address)
        except OSError:
            return None
        try:
            form = next((form for form in _FORMS if self._count(connection, form, texts[0]) is not None), None)
            found = {text: self._count(connection, form, text) for text in dict.fromkeys(texts)} if form else {}
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()
        counts = [count for text in texts if (count := found.get(text)) is not None]
        return counts if len(counts) == len(texts) else None

    def _count(
        self, connection: http.client.HTTPConnection, form: Callable[[str, str], Mapping[str, Any]], text: str
    ) -> int | None:
        body = msgspec.json.encode(form(self._model, text))
        connection.request("POST", self._path, body, {**self._target.headers, "Content-Type": "application/json"})
        reply = connection.getresponse()
        data = reply.read()
        if reply.status != 200:
            return None
        try:
            told: Any = msgspec.json.decode(data)
            return len(told["tokens"])
        except (msgspec.MsgspecError, KeyError, TypeError):
            return None
