"""Two checks of schemathesis's, as they can be asked of a server whose models differ in what they can do.

Its own say that no request of the documented form may be refused, and that no status may be 500 or more. But what one
model honours another does not, and an answer may stay of another form than was asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

schemathesis: Any = import_module("schemathesis")
BY_MEANING = {"invalid_request", "context_length_exceeded", "not_supported"}
BY_THE_MODEL = {"answer_invalid", "malformed_tool_call"}
IN_WORDS_ONLY = {
    "max_tokens and max_completion_tokens are two names of one field; give one.",
    "stream_options is for stream: true only.",
    "thinking_budget and thinking_token_budget are two names of one field; give one.",
    "tool_choice needs tools.",
    "top_logprobs needs logprobs: true.",
    "two tools have the same name.",
}
"""What one field asks of another: the document says it in the fields' descriptions."""


@schemathesis.check
def the_documented_form_is_accepted(_context: Any, response: Any, case: Any) -> None:
    if response.status_code != 400 or case.meta is None or not case.meta.generation.mode.is_positive:
        return
    error = response.json()["error"]
    if error["code"] not in BY_MEANING and error["message"] not in IN_WORDS_ONLY:
        raise AssertionError(f"refused, though of the documented form: {error['code']}: {error['message']}")


@schemathesis.check
def nothing_breaks(_context: Any, response: Any, _case: Any) -> None:
    if response.status_code >= 500 and response.json()["error"]["code"] not in BY_THE_MODEL:
        raise AssertionError(f"{response.status_code}: {response.text}")
