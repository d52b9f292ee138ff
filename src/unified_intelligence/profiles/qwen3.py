"""What is true of the Qwen3 family, whoever runs it: tags, the thinking switch, the format of a call, sampling.

From the model cards of Qwen3 ("Best Practices", "Switching Between Thinking and Non-Thinking Mode") and the chat
template in their tokenizer_config.json. Other families that write the same tags are read with the same code.
"""

import json
from collections.abc import Mapping
from math import inf
from typing import Any, cast

from unified_intelligence.entities.errors import MalformedToolCallError
from unified_intelligence.entities.generation import ReasoningEffort
from unified_intelligence.entities.reasoning import Tags
from unified_intelligence.entities.tools import ToolCall
from unified_intelligence.profiles.sampling import Sampling

TAGS: Tags = {"reasoning": ("<think>", "</think>"), "tool_call": ("<tool_call>", "</tool_call>")}
THINKING_SWITCH = "enable_thinking"  # the argument of the chat template
CLOSING = "</think>\n\n"  # as the template writes it between a reasoning and its answer
THINKING_BUDGETS: Mapping[ReasoningEffort, int | None] = {  # tokens; None: no limit but that of the answer
    "none": 0,
    "minimal": 256,
    "low": 1024,
    "medium": 4096,
    "high": None,
    "xhigh": None,
}
END_OF_TURN = ("<|im_end|>", "<|endoftext|>")


def recommended_sampling(*, thinking: bool) -> Sampling:
    """The card warns of endless repetition when a thinking answer is decoded greedily."""
    return Sampling(0.6, 0.95, 20) if thinking else Sampling(0.7, 0.8, 20)


def template_arguments(thinking: bool | None) -> dict[str, bool]:
    """Arguments of the chat template; without any it lets the model think."""
    return {} if thinking is None else {THINKING_SWITCH: thinking}


def answer_share(limit: int) -> int:
    """How many of at most `limit` tokens are kept for the answer, whatever the reasoning would like to take.

    A quarter: what took long to think about is not said in a word. Fewer than 16 hold no sentence; where not even
    they have room behind a think block, nothing is kept.
    """
    return max(16, limit // 4)


def parse_tool_call(written: str, call_id: str) -> ToolCall:
    """Reads what stands between the tags: {"name": ..., "arguments": {...}}. Raises MalformedToolCallError."""
    try:
        fields: Any = json.loads(written, parse_constant=_no_number, parse_int=_whole_number)
        name, arguments = fields["name"], fields.get("arguments", {})
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise MalformedToolCallError(written) from error
    if not isinstance(name, str) or not name or not isinstance(arguments, dict):
        raise MalformedToolCallError(written)
    return ToolCall(call_id, name, _as_json(cast("dict[str, Any]", arguments), written))


def _no_number(written: str) -> None:
    """Python reads NaN and Infinity, and they are no JSON."""
    raise ValueError(f"{written} is no number")


def _whole_number(written: str) -> float:
    """Infinity for one of more digits than Python reads, as for every number that is too large to be held."""
    try:
        return int(written)
    except ValueError:
        return inf


def _as_json(arguments: dict[str, Any], written: str) -> str:
    try:
        return json.dumps(arguments, ensure_ascii=False, allow_nan=False)
    except ValueError:  # a number that is not held, such as 1e999 or one of 5,000 digits, stands as it was written
        return _as_written(written.strip())


def _as_written(call: str) -> str:
    """The arguments in a call that has some, letter by letter."""
    read = json.JSONDecoder(parse_int=_whole_number).raw_decode
    at, found = 1, ""
    while call[at:].lstrip() != "}":
        at += len(call[at:]) - len(call[at:].lstrip(" \t\r\n,"))
        key, at = read(call, at)
        start = call.index(":", at) + 1
        start += len(call[start:]) - len(call[start:].lstrip())
        _, at = read(call, start)
        found = call[start:at] if key == "arguments" else found
    return found
