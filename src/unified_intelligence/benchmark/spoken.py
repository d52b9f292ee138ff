"""At the first look at an address: whether OpenAI's API is spoken there, or that of a Gradio app."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import msgspec

from unified_intelligence.benchmark.asking import ask
from unified_intelligence.benchmark.connection import Address
from unified_intelligence.benchmark.plan import Target, read_url
from unified_intelligence.benchmark.session import Reached, first_of, reach
from unified_intelligence.entities.errors import ProtocolError
from unified_intelligence.interfaces.queued import QueuedCalls

OPENAI, GRADIO = "openai", "gradio"
_VOLATILE = frozenset({"round trip", "quota", "stage"})  # told by a Space, and no part of its configuration


def spoken_at(target: Target, root: str, *, named: bool = False) -> tuple[str, Reached]:
    """Which of the two, and who answered. `root` is the path that a Gradio app would have.

    One that lists no models is taken for OpenAI's where its model was `named`. Raises ProtocolError where it is
    neither, and what reaching a server raises.
    """
    reached = reach(target)
    if reached.models:
        return OPENAI, reached
    status, data, _ = ask(target, reached.address, f"{root}/config")
    if status == 200 and _is_gradio(data):
        return GRADIO, reached
    if named:
        return OPENAI, reached
    where = f"{target.host}:{target.port}"
    raise ProtocolError(
        f"{where} speaks neither OpenAI's API (GET {target.base}/models: {_told(reached.status)}) nor Gradio's "
        f"(GET {root}/config: {status}).",
        hint="Is the address right? A private Space needs a token of the Hub: --key env:HF_TOKEN. "
        "What speaks OpenAI's API and lists no models: --protocol openai --model NAME",
        url=target.address,
    )


def root_of(url: str) -> str:
    """The path of an address as a Gradio app's, without a slash at its end."""
    return urlsplit(url if "://" in url else f"http://{url}").path.rstrip("/").removesuffix("/v1")


def queued_target(calls: QueuedCalls) -> Target:
    """The target of a Space's calls: where they go, and where their events are read."""
    call, events = urlsplit(calls.call), urlsplit(calls.events)
    own = read_url(f"{call.scheme}://{call.netloc}")
    return Target(
        host=own.host,
        port=own.port,
        path=call.path,
        tls=own.tls,
        headers=dict(calls.headers),
        events=f"{events.path}?{events.query}",
    )


def reach_space(target: Target, calls: QueuedCalls) -> Reached:
    """The address that answers, with what is known of the Space. Raises ConnectionFailedError, TlsError."""

    def opened(address: Address) -> Reached:
        status, _, _ = ask(target, address, f"{target.path.partition('/call/')[0]}/info")
        told = {name: value for name, value in calls.told.items() if name not in _VOLATILE}
        return Reached(address, (told["model"],) if "model" in told else (), told, status)

    return first_of(target, opened)


def _is_gradio(data: bytes) -> bool:
    try:
        told: Any = msgspec.json.decode(data)
    except msgspec.MsgspecError:
        return False
    return isinstance(told, dict) and "version" in told and ("api_prefix" in told or "dependencies" in told)


def _told(status: int) -> str:
    return "no list of models" if status == 200 else str(status)
