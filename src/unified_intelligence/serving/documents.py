"""What the OpenAPI document says of answers: which statuses there are, and what their bodies look like."""

from __future__ import annotations

from typing import Any

_TEXT, _COUNT, _OBJECT = {"type": "string"}, {"type": "integer", "minimum": 0}, {"type": "object"}
_MAYBE_TEXT = {"type": ["string", "null"]}
_SIZE, _MAYBE_SECONDS = {"type": "number", "minimum": 0}, {"type": ["number", "null"], "minimum": 0}


def _record(required: dict[str, Any], **optional: Any) -> dict[str, Any]:
    return {"type": "object", "required": list(required), "properties": {**required, **optional}}


def _list(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "null"}]}


_USAGE = _record(
    {"prompt_tokens": _COUNT, "completion_tokens": _COUNT, "total_tokens": _COUNT},
    prompt_tokens_details=_record({"cached_tokens": _COUNT}),
    completion_tokens_details=_record({"reasoning_tokens": _COUNT}),
)
_CALL = _record({"id": _TEXT, "type": {"const": "function"}, "function": _record({"name": _TEXT, "arguments": _TEXT})})
_MESSAGE = _record(
    {"role": {"const": "assistant"}, "content": _MAYBE_TEXT, "refusal": _MAYBE_TEXT},
    reasoning_content=_TEXT,
    reasoning=_TEXT,
    tool_calls=_list(_CALL),
)
_SPREAD = _record({"p50": _MAYBE_SECONDS, "p90": _MAYBE_SECONDS, "p99": _MAYBE_SECONDS})
_QUEUE = {
    "model": _TEXT,
    "state": {"enum": ["loading", "ready", "failed", "draining"]},
    "running": _COUNT,
    "waiting": _COUNT,
    "limits": _record({"running": _COUNT, "waiting": _COUNT}),
    "rejections": {"type": "object", "additionalProperties": _COUNT},
}
_STATUS = _record(
    {
        **_QUEUE,
        "about": _OBJECT,
        "memory": _record({"resident_bytes": _COUNT}),
        "uptime": _SIZE,
        "requests": _record(
            {
                "finished": _COUNT,
                "per_second": _SIZE,
                "outcomes": _record(dict.fromkeys(("answered", "refused", "failed", "left"), _COUNT)),
            }
        ),
        "tokens": _record({"completion_per_second": _SIZE, "prompt_per_second": _SIZE}),
        "latency": _record({"answers": _COUNT, "first_token": _SPREAD, "between_tokens": _SPREAD, "total": _SPREAD}),
        "errors": _list(_record({"time": _TEXT, "code": _TEXT, "status": _COUNT, "route": _TEXT, "request_id": _TEXT})),
    },
    models=_list(_record({**_QUEUE, "answers": _COUNT, "completion_tokens": _COUNT})),
)
_REASON = {"enum": ["stop", "length", "tool_calls", "content_filter"]}
_LOGPROBS = _nullable(_OBJECT)
_ANSWER = {"id": _TEXT, "created": _COUNT, "model": _TEXT, "usage": _nullable(_ref("Usage"))}

SCHEMAS: dict[str, Any] = {
    "Error": _record({"error": _record({"message": _TEXT, "type": _TEXT, "param": _MAYBE_TEXT, "code": _MAYBE_TEXT})}),
    "Usage": _USAGE,
    "ChatCompletion": _record(
        {
            **_ANSWER,
            "object": {"const": "chat.completion"},
            "choices": _list(
                _record({"index": _COUNT, "message": _MESSAGE, "logprobs": _LOGPROBS, "finish_reason": _REASON})
            ),
        },
        system_fingerprint=_MAYBE_TEXT,
    ),
    "Completion": _record(
        {
            **_ANSWER,
            "object": {"const": "text_completion"},
            "choices": _list(
                _record({"index": _COUNT, "text": _TEXT, "logprobs": _LOGPROBS, "finish_reason": _REASON})
            ),
        },
        system_fingerprint=_MAYBE_TEXT,
    ),
    "Response": _record(
        {
            "id": _TEXT,
            "object": {"const": "response"},
            "created_at": _COUNT,
            "status": {"enum": ["completed", "incomplete"]},
            "model": _TEXT,
            "output": _list(_record({"id": _TEXT, "type": {"enum": ["message", "reasoning", "function_call"]}})),
            "usage": _nullable(_record({"input_tokens": _COUNT, "output_tokens": _COUNT, "total_tokens": _COUNT})),
        },
        error=_nullable(_OBJECT),
        incomplete_details=_nullable(_OBJECT),
    ),
    "Model": _record(
        {"id": _TEXT, "object": {"const": "model"}, "created": _COUNT, "owned_by": _TEXT},
        max_model_len={"type": ["integer", "null"]},
        parent=_TEXT,
    ),
    "ModelList": _record({"object": {"const": "list"}, "data": _list(_ref("Model"))}),
    "EmbeddingList": _record(
        {
            "object": {"const": "list"},
            "model": _TEXT,
            "data": _list(
                _record(
                    {
                        "object": {"const": "embedding"},
                        "index": _COUNT,
                        "embedding": {"anyOf": [_list({"type": "number"}), _TEXT]},
                    }
                )
            ),
            "usage": _nullable(_record({"prompt_tokens": _COUNT, "total_tokens": _COUNT})),
        }
    ),
    "Tokens": _record({"count": _COUNT, "max_model_len": {"type": ["integer", "null"]}, "tokens": _list(_COUNT)}),
    "Text": _record({"prompt": _TEXT}),
    "ServerSentEvent": _record({"data": {**_TEXT, "description": "JSON, or [DONE] at the end"}}, event=_TEXT),
    "State": _record({"status": _TEXT}),
    "Version": _record({"version": _TEXT}, explanation=_TEXT, models=_OBJECT),
    "Status": _STATUS,
}

_STATUSES = {
    400: "The request cannot be carried out as it is.",
    401: "The API key is missing or wrong.",
    404: "There is no such model here.",
    408: "The body did not arrive in time.",
    413: "The body is too large.",
    429: "Too many requests: see Retry-After.",
    500: "The server or its model failed.",
    502: "The provider behind this server failed.",
    503: "The server is starting, stopping or overloaded: see Retry-After.",
    504: "The provider behind this server did not answer in time.",
}
ANSWERING = tuple(_STATUSES)


def answers_of(name: str, *statuses: int, stream: bool = False) -> dict[int | str, dict[str, Any]]:
    """The responses of a route: its answer, and the errors it may give instead. `ANSWERING` has all the errors."""
    content: dict[str, Any] = {"application/json": {"schema": _ref(name)}}
    if stream:
        content["text/event-stream"] = {"schema": _ref("ServerSentEvent")}
    return {200: {"description": "The answer.", "content": content}, **refusals_of(*statuses)}


def refusals_of(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The errors a route may give."""
    failed = {"application/json": {"schema": _ref("Error")}}
    return {status: {"description": _STATUSES[status], "content": failed} for status in statuses}
