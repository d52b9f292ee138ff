"""The second request of an answer of a Gradio app: whose event was named, and what comes of it asked for.

A POST to /call/NAME gives an event's id. Without a session of one's own that id is the session's name too, and so
/queue/data streams all that the queue says of it: its place, when the work begins, each piece. /call/NAME/ID leaves the
queue out.
"""

from __future__ import annotations

import re

from unified_intelligence.benchmark.plan import Target
from unified_intelligence.entities.errors import ProtocolError

_EVENT = re.compile(rb'^\s*\{\s*"event_id"\s*:\s*"([\w-]{1,200})"\s*\}\s*$')
_BROKE = re.compile(rb'"success":\s?false|\{"type":\s?"error"|"msg":\s?"unexpected_error"')


def event_of(body: bytes) -> str:
    """Raises ProtocolError where none is named."""
    found = _EVENT.match(body)
    if found is None:
        raise ProtocolError("It did not say where its answer will be, as a Gradio app does.")
    return found[1].decode()


def events_request(target: Target, event: str) -> bytes:
    """Asks for what comes of it."""
    lines = [
        f"GET {target.events}{event} HTTP/1.1",
        f"Host: {target.authority}",
        "Accept: text/event-stream",
        *(f"{name}: {value}" for name, value in target.headers.items()),
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def broke(buffer: bytes) -> bool:
    """Whether a whole stream tells of a failure: looked for at once, so that a Space that refuses is left alone."""
    return bool(_BROKE.search(buffer))
