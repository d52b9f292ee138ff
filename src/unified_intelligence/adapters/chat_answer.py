"""The body of one chat answer, in whichever of its forms a server chose: a stream, one JSON object, or a page."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from unified_intelligence.adapters.cut_short import more
from unified_intelligence.adapters.http import Reply
from unified_intelligence.adapters.timers import Watch
from unified_intelligence.adapters.wire.failures import LONGEST_PAGE, is_html, refuse_page
from unified_intelligence.adapters.wire.openai_chat import AnswerReader
from unified_intelligence.adapters.wire.sse import EventStream
from unified_intelligence.entities.generation import Event

_LATE_USAGE = 2.0  # seconds a finished answer's usage, or its [DONE], may take
_BLANK = b"\xef\xbb\xbf \t\r\n"


async def pieces(reply: Reply, reader: AnswerReader, watch: Watch) -> AsyncGenerator[list[Event], None]:
    """The events of each read from the network; `reader` knows whether they add up to an answer.

    Raises what Reply.read and AnswerReader.read raise, and the error of a page that came instead.
    """
    chunk = await _visible_beginning(reply)
    if is_html(chunk):  # whatever it is called
        refuse_page(reply.url, chunk + await reply.beginning(LONGEST_PAGE), reply.secrets)
    if chunk.lstrip(_BLANK)[:1] in {b"{", b"["} or reply.media_type == "application/json":
        if said := reader.read_whole(await reply.whole(chunk)):
            yield said
        return
    stream = EventStream()
    while chunk:
        if events := stream.feed(chunk):
            if said := reader.read(events):
                yield said
            if reader.done:
                return
            _restart(watch, reader, spoke=bool(said))
        chunk = await more(reply, reader)
    if said := reader.read_rest(stream.end()):
        yield said


def _restart(watch: Watch, reader: AnswerReader, *, spoke: bool) -> None:
    """The first token ends its timer, and not a piece that only says who speaks; then each piece starts idle again."""
    if reader.complete:
        watch.begin("idle", min(_LATE_USAGE, watch.timers.idle))
    elif spoke or watch.which == "idle":
        watch.begin("idle", watch.timers.idle)


async def _visible_beginning(reply: Reply) -> bytes:
    """The first bytes with something to see in them."""
    begun = b""
    while chunk := await reply.read():
        begun += chunk
        if begun.lstrip(_BLANK):
            break
    return begun
