"""What a client makes of a server that misbehaves: this adapter and the official `openai` package, on the same faults.

    python -m benchmarks.faults [--output FILE]

Each scenario of `tests/faults` is asked once by each, with the same timeout and number of tries. This adapter always
streams; the other client is asked for a document where the server sends one, so that it meets what it expects.

silent      an answer where there is none, or one that is not the server's, without an error
untyped     an exception that is not of the client's own tree
unbounded   not over GRACE seconds after the timeout of every try together: what the one client has for its deadline;
            the other has none

Left out is what is no fault of a client's: Spaces, which the other one does not know; redirections, which it follows,
broken tool arguments and filtered answers, which it hands out, and waits of up to two minutes, which it keeps, on
purpose; and sizes, which it does not limit.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tests.faults.drivers import PROVIDER, QUESTION
from tests.faults.matrix import MATRIX
from tests.faults.scenarios import NAMES, played
from tests.faults.space_scenarios import SPACES
from unified_intelligence.entities.errors import UnifiedIntelligenceError
from unified_intelligence.entities.generation import Collector
from unified_intelligence.factories.provider_factory import ProviderFactory

HERE = Path(__file__).parent
TIMEOUT, RETRIES, GRACE = 3.0, 2, 2.0
TRIES = RETRIES + 1
LEFT_OUT = {
    *SPACES, "redirection 307 elsewhere", "redirection 302 elsewhere", "broken tool arguments", "content filter",
    "Retry-After beyond the deadline",
    "header of 100 KB", "line of 64 MiB", "line of 64 MiB mid-answer", "endless event", "JSON of 100 MB",
    "gzip bomb", "gzip bomb in a stream", "document for a stream",
}  # fmt: skip
DOCUMENTS = {
    "shorter than promised", "shorter than promised once", "unknown coding", "damaged gzip", "control: gzip",
    "status 200 that quotes the key", "invalid JSON", "invalid JSON once", "empty body", "JSON null",
    "deeply nested JSON", "HTML: Space is building", "HTML: proxy page", "HTML called JSON", "error object in a 200",
    "error text in a 200", "detail object in a 200", "no choices", "choices null",
}  # fmt: skip
KINDS = ("silent", "untyped", "unbounded", "right")


@dataclass(frozen=True)
class Said:
    """`text` is what came, `error` the exception's name, empty where none was raised."""

    text: str = ""
    error: str = ""
    typed: bool = True


Asker = Callable[[str, str], Awaitable[Said]]


async def ask_ours(url: str, _: str) -> Said:
    generator = ProviderFactory().create(
        PROVIDER, base_url=url, key="k", model="m", retries=RETRIES, timeout=TIMEOUT * TRIES,
        connect_timeout=TIMEOUT, first_token_timeout=TIMEOUT, idle_timeout=TIMEOUT,
    )  # fmt: skip
    collector = Collector()
    try:
        async for event in generator.astream(QUESTION):
            collector.add(event)
    except UnifiedIntelligenceError as error:
        return Said("".join(collector.text), type(error).__name__)
    except Exception as error:  # noqa: BLE001 - counted
        return Said("".join(collector.text), type(error).__name__, typed=False)
    finally:
        generator.close()
    return Said(collector.generation().text)


async def ask_openai(url: str, name: str) -> Said:
    import openai

    text: list[str] = []
    question: Any = [{"role": "user", "content": QUESTION}]
    async with openai.AsyncOpenAI(base_url=url, api_key="k", timeout=TIMEOUT, max_retries=RETRIES) as client:
        try:
            if name in DOCUMENTS:
                text.append(_words_in(await client.chat.completions.create(model="m", messages=question)))
            else:
                stream = await client.chat.completions.create(model="m", messages=question, stream=True)
                async for chunk in stream:
                    text += [_words_in(chunk)]
        except openai.OpenAIError as error:
            return Said("".join(text), type(error).__name__)
        except Exception as error:  # noqa: BLE001 - counted
            return Said("".join(text), type(error).__name__, typed=False)
    return Said("".join(text))


def _words_in(chunk: object) -> str:
    """What the other client gives for an answer or a piece; where it takes something else for one, nothing."""
    choices: Sequence[Any] = getattr(chunk, "choices", None) or ()
    parts = [choice.delta if hasattr(choice, "delta") else choice.message for choice in choices]
    return "".join(str(part.content or "") for part in parts)


CLIENTS: Mapping[str, Asker] = {"ours": ask_ours, "openai": ask_openai}


def judged(client: str, name: str) -> dict[str, object]:
    """One scenario, asked by one client in an event loop of its own."""
    longest = TIMEOUT * TRIES + GRACE
    with played(name) as play:

        async def ask() -> Said | None:
            try:
                return await asyncio.wait_for(CLIENTS[client](play.url, name), longest)
            except TimeoutError:
                return None

        said = asyncio.run(ask())
        requests = len(play.server.requests)
    if said is None:
        return {"kind": "unbounded", "requests": requests}
    return {"kind": kind_of(name, said), "requests": requests, **asdict(said), "text": said.text[:80]}


def kind_of(name: str, said: Said) -> str:
    """A scenario that a client need not survive may end in a typed error, but never in another text."""
    expected = MATRIX[name]
    if not said.typed:
        return "untyped"
    if said.error:
        return "right"
    if expected.errors:
        return "silent"
    whole = expected.text
    thought = f"<think>\n{expected.reasoning}\n</think>\n\n{whole}" if expected.reasoning else whole
    return "right" if said.text in {whole, thought} else "silent"


def measured(names: Sequence[str]) -> dict[str, dict[str, dict[str, object]]]:
    """What each client made of each scenario, by scenario and client."""
    calls = [(client, name) for name in names for client in CLIENTS]
    with ThreadPoolExecutor(4) as pool:
        made = [pool.submit(judged, *call) for call in calls]
    found = {call: future.result() for call, future in zip(calls, made, strict=True)}
    return {name: {client: found[client, name] for client in CLIENTS} for name in names}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=HERE / "results/faults.json")
    output = parser.parse_args().output
    names = [name for name in NAMES if name not in LEFT_OUT]
    by_scenario = measured(names)
    counts = {client: Counter(str(found[client]["kind"]) for found in by_scenario.values()) for client in CLIENTS}
    shown = {client: {kind: counts[client][kind] for kind in KINDS} for client in CLIENTS}
    result = {
        "command": "python -m benchmarks.faults",
        "date": datetime.now(UTC).date().isoformat(),
        "python": platform.python_version(),
        "openai": version("openai"),
        "timeout in seconds": TIMEOUT,
        "retries": RETRIES,
        "scenarios": len(names),
        "counts": shown,
        "by scenario": by_scenario,
    }
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    for client in CLIENTS:
        print(client, shown[client])
        print("  ", [name for name in names if by_scenario[name][client]["kind"] != "right"])


if __name__ == "__main__":
    main()
