"""Faults of the answer itself: what a 200 may carry and yet be no answer, or be one in an unusual dress."""

from __future__ import annotations

from tests.faults.answers import (
    ANSWER,
    DONE,
    PIECES,
    at_once,
    begin_answer,
    chunk,
    completion,
    ending,
    error_body,
    event,
    healthy,
    said,
    stream,
    whole_stream,
    words,
)
from tests.faults.server import Act, Exchange

BUILDING = (
    "<!DOCTYPE html><html><head><title>Space</title><script>let x = '<p>';</script></head>"
    "<body><h1>Space is building</h1><p>Your Space is building, &eacute;tat : d&eacute;marrage.</p></body></html>"
)
PROXY = (
    "<html><head><title>Welcome</title></head><body><h1>Corporate   gateway</h1>\n<p>Sign in first.</p></body></html>"
)
CLIPBOARD = "avant \x1b]52;c;aGFja2Vk\x07 \x1b[31mrouge\x1b[0m après"
BROKEN_ARGUMENTS = '{"amount": 12,5 "; rm -rf /'
FAULT_MID_ANSWER = {"error": {"message": "CUDA out of memory", "type": "server_error", "code": 500}}


def body(text: str | bytes, content_type: str = "application/json") -> Act:
    """An act that answers 200 with one document."""

    def act(exchange: Exchange) -> None:
        exchange.whole(200, text, content_type)

    return act


def streamed(*pieces: str | bytes) -> Act:
    """An act that streams these pieces and ends the body properly."""

    def act(exchange: Exchange) -> None:
        stream(exchange, *pieces)

    return act


def then_silence(text: str) -> Act:
    """An act that goes on after the first words with this, and then keeps the connection open."""

    def act(exchange: Exchange) -> None:
        begin_answer(exchange)
        exchange.piece(text)
        exchange.wait(20)

    return act


def byte_by_byte(exchange: Exchange) -> None:
    exchange.begin_stream()
    for byte in whole_stream().encode():
        exchange.piece(bytes([byte]))
    exchange.end_stream()


def quoting_mid_answer(exchange: Exchange) -> None:
    """The key that was sent comes back inside an error event."""
    begin_answer(exchange)
    exchange.piece(event({"error": {"message": f"No more for {exchange.request.headers.get('authorization')}."}}))
    exchange.wait(20)


def crlf_cut(exchange: Exchange) -> None:
    exchange.begin_stream()
    for part in _CRLF.split("\r\n\r\n"):
        for piece in (part, "\r", "\n", "\r", "\n"):
            exchange.piece(piece)
    exchange.end_stream()


def slow_but_steady(exchange: Exchange) -> None:
    """Control: longer than the idle time altogether, never for long without a word."""
    exchange.begin_stream()
    for piece in PIECES:
        exchange.piece(words((piece,)))
        exchange.wait(0.5)
    exchange.piece(ending())
    exchange.end_stream()


_CRLF = at_once().replace("\n\n", "\r\n\r\n")
_CR = at_once().replace("\n\n", "\r\r")
_THOUGHT = event(chunk({"role": "assistant", "content": ""}))
_TAGGED = "<think>\nHmm… réfléchissons 🤔\n</think>\n\n" + ANSWER
_CALL = [
    chunk({"role": "assistant", "content": None, "tool_calls": [
        {"index": 0, "id": "call_1", "type": "function", "function": {"name": "pay", "arguments": ""}}]}),
    chunk({"tool_calls": [{"index": 0, "function": {"arguments": BROKEN_ARGUMENTS[:9]}}]}),
    chunk({"tool_calls": [{"index": 0, "function": {"arguments": BROKEN_ARGUMENTS[9:]}}]}),
]  # fmt: skip


def _thoughts(field: str) -> str:
    return (
        _THOUGHT + "".join(event(chunk({field: piece})) for piece in ("Hmm… ", "réfléchissons 🤔")) + words() + ending()
    )


STREAMS: dict[str, tuple[Act, ...]] = {
    "malformed chunk first": (streamed("data: {bad\n\n", whole_stream()),),
    "malformed chunk mid-answer": (then_silence("data: {bad\n\n"),),
    "chunk that is no object": (then_silence('data: "text"\n\n'),),
    "chunk with a number for text": (then_silence(event(chunk({"content": 5}))),),
    "invalid UTF-8 mid-answer": (
        streamed(words(PIECES[:2]), b'data: {"choices":[{"delta":{"content":"\xff\xfe"}}]}\n\n'),
    ),
    "invalid JSON": (body('{"choices": [{"mess'),),
    "invalid JSON once": (body('{"choices": [{"mess'), healthy),
    "empty body": (body(""),),
    "empty body of a stream": (body("", "text/event-stream"),),
    "JSON null": (body("null"),),
    "deeply nested JSON": (body("[" * 100_000),),
    "HTML: Space is building": (body(BUILDING, "text/html; charset=utf-8"),),
    "HTML: proxy page": (body(PROXY, "text/html"),),
    "HTML called JSON": (body(PROXY, "application/json"),),
    "HTML called an event stream": (body(PROXY, "text/event-stream"),),
    "error object in a 200": (body(error_body("The engine is dead.")),),
    "error object in a stream": (streamed(f"data: {error_body('The engine is dead.')}\n\n", DONE),),
    "error text in a 200": (body(said({"error": "Model not loaded"})),),
    "detail object in a 200": (body(said({"detail": "Not authenticated"})),),
    "no choices": (body(said({**completion(""), "choices": []})),),
    "no choices in a stream": (streamed(event({**chunk({}), "choices": []}), DONE),),
    "choices null": (body(said({"choices": None})),),
    "nothing but [DONE]": (streamed(DONE),),
    "error event mid-answer": (then_silence(event(FAULT_MID_ANSWER)),),
    "named error event mid-answer": (then_silence(f"event: error\n{event({'message': 'CUDA out of memory'})}"),),
    "error event that quotes the key": (quoting_mid_answer,),
    "truncated, properly closed": (streamed(words(PIECES[:2])),),
    "truncated inside an event": (streamed(words(PIECES[:2]), 'data: {"choices":[{"delta":{"content":"x"},'),),
    "truncated before the first word": (streamed(_THOUGHT),),
    "ended with the reason error": (streamed(words(PIECES[:2]), ending("error")),),
    "ended with the reason abort": (streamed(words(PIECES[:2]), ending("abort")),),
    "content filter": (streamed(event(chunk({}, "content_filter")), DONE),),
    "UTF-8 byte by byte": (byte_by_byte,),
    "BOM and CRLF": (streamed(b"\xef\xbb\xbf" + _CRLF.encode()),),
    "BOM cut over chunks": (streamed(b"\xef", b"\xbb", b"\xbf" + at_once().encode()),),
    "CR line ends": (streamed(_CR),),
    "CRLF cut over chunks": (crlf_cut,),
    "data without a space": (streamed(at_once().replace("data: ", "data:")),),
    "other fields and comments": (streamed(": hello\n\nretry: 10\nid: 1\nevent: message\n" + whole_stream()),),
    "ghost after [DONE]": (streamed(whole_stream(), DONE, words(("fantôme",)), ending()),),
    "no [DONE]": (streamed(words(), event(chunk({}, "stop"))),),
    "no finish_reason": (streamed(words(), DONE),),
    "no empty line at the end": (streamed(words(), event(chunk({}, "stop")), "data: [DONE]"),),
    "tag cut over chunks": (streamed(words(tuple(_TAGGED)) + ending()),),
    "reasoning_content": (streamed(_thoughts("reasoning_content")),),
    "reasoning": (streamed(_thoughts("reasoning")),),
    "escapes in the answer": (streamed(words((CLIPBOARD[:9], CLIPBOARD[9:])), ending()),),
    "broken tool arguments": (streamed(*map(event, _CALL), ending("tool_calls")),),
    "document for a stream": (body(said(completion(ANSWER))),),
    "control: healthy": (healthy,),
    "control: slow but steady": (slow_but_steady,),
    "control: one packet": (streamed(whole_stream()),),
    "control: cut at its limit": (streamed(words(PIECES[:2]), ending("length")),),
    "control: cut at its limit, called max_tokens": (streamed(words(PIECES[:2]), ending("max_tokens")),),
    "control: ended with end_turn": (streamed(words(), ending("end_turn")),),
}
