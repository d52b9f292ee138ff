"""Loads against the server of known schedule."""

from __future__ import annotations

import json

from unified_intelligence.benchmark import crew
from unified_intelligence.benchmark.connection import resolve
from unified_intelligence.benchmark.crew import Gathered, Sending, Watch, shares_of
from unified_intelligence.benchmark.plan import Load, read_url
from unified_intelligence.benchmark.row import Row

QUESTION = "Combien coûte l'été ?\n— 🙂"


def send(url: str, model: str, load: Load, processes: int = 1, timeout: float = 30.0) -> Gathered:
    target = read_url(url)
    body = json.dumps({"model": model, "stream": True, "messages": [{"role": "user", "content": QUESTION}]})
    address = resolve(target.host, target.port)[0]
    return crew.send(shares_of(load, target, address, [body], Sending("test", processes, timeout)), Watch())


def rows_of(url: str, model: str, load: Load | None = None) -> list[Row]:
    return send(url, model, load or Load(concurrency=4, requests=8)).rows
