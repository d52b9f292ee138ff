"""Answers as JSON, whole and in pieces. A piece is written often, so what all of one stream share is written once."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from unified_intelligence.entities.generation import TokenLogprob, Usage

_encode: Callable[[object], bytes] = msgspec.json.Encoder().encode
_LINE_BREAKS = ((b"\xe2\x80\xa8", b"\\u2028"), (b"\xe2\x80\xa9", b"\\u2029"), (b"\xc2\x85", b"\\u0085"))


def encoded(value: object) -> bytes:
    """A JSON value in one line, also for clients that take every line break of Unicode for one.

    A half of a character that has no other half becomes a question mark.
    """
    try:
        written = _encode(value)
    except UnicodeEncodeError:
        written = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")
    if not written.isascii():
        for raw, escaped in _LINE_BREAKS:
            written = written.replace(raw, escaped)
    return written


def new_id(prefix: str) -> str:
    return f"{prefix}-{uuid.uuid4().hex}"


def now() -> int:
    """Seconds since 1970."""
    return int(datetime.now(UTC).timestamp())


def logprob_of(token: TokenLogprob) -> dict[str, object]:
    """A token with its likeliest alternatives, as chat completions and responses both have it."""
    return {**_token(token), "top_logprobs": list(map(_token, token.alternatives))}


def _token(token: TokenLogprob) -> dict[str, object]:
    return {"token": token.token, "logprob": token.logprob, "bytes": list(token.token.encode(errors="replace"))}


def usage_of(usages: Sequence[Usage | None], prompts: int = 1) -> dict[str, object] | None:
    """What several answers cost together, a prompt that several answer counted once; None where one does not say.

    The answers to one prompt follow each other; there are as many for each of the `prompts`.
    """
    known = [usage for usage in usages if usage is not None]
    if len(known) < len(usages) or not known:
        return None
    asked = known[:: len(known) // prompts]
    read, written = sum(u.prompt_tokens for u in asked), sum(u.completion_tokens for u in known)
    told: dict[str, object] = {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}
    cached = [u.cached_tokens for u in asked if u.cached_tokens is not None]
    reasoned = [u.reasoning_tokens for u in known if u.reasoning_tokens is not None]
    if cached:
        told["prompt_tokens_details"] = {"cached_tokens": sum(cached)}
    if reasoned:
        told["completion_tokens_details"] = {"reasoning_tokens": sum(reasoned)}
    return told
