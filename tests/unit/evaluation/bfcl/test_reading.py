"""Calls in a text: what the strict reader sees, what was meant, and what had to be mended."""

import warnings
from typing import Any

import pytest

from unified_intelligence.evaluation.bfcl import lenient_calls, strict_calls
from unified_intelligence.evaluation.bfcl.pythonic import python_literal, pythonic_calls

CALL = '{"name": "f", "arguments": {"a": "é 🙂"}}'
MEANT: list[dict[str, Any]] = [{"f": {"a": "é 🙂"}}]


def tagged(inside: str) -> str:
    return f"<tool_call>\n{inside}\n</tool_call>"


@pytest.mark.parametrize(
    ("text", "repairs"),
    [
        (tagged(CALL), []),
        (f"Let me see.\n{tagged(CALL)}\nDone.", []),
        (f"<think>\n{tagged('{}')}\n</think>\n\n{tagged(CALL)}", []),
        (f"<tool_call>{CALL}</tool_call>", ["no line breaks inside the tags"]),
        (f"<tool_call>\r\n{CALL}\r\n</tool_call>", ["no line breaks inside the tags"]),
        (f"<tool_call>\n{CALL}", ["no closing tag"]),
        (tagged(CALL.replace("arguments", "parameters")), ["parameters for arguments"]),
        (tagged('{"name": "f", "arguments": "{\\"a\\": \\"é 🙂\\"}"}'), ["arguments as a text"]),
        (tagged(f'{{"type": "function", "function": {CALL}}}'), ["a function wrapper"]),
        (tagged('{"function": "f", "arguments": {"a": "é 🙂"}}'), ["function for name"]),
        (tagged(f"[{CALL}]"), ["a list in one tag"]),
        (tagged("{'name': 'f', 'arguments': {'a': 'é 🙂'}}"), ["Python quotes"]),
        (tagged(CALL[:-1] + ",}"), ["a trailing comma"]),
        (tagged(CALL[:-1]), ["an unclosed brace"]),
        (tagged(f"{CALL}\nThat is it."), ["text behind a call"]),
        (tagged('f(a="é 🙂")'), ["Python for JSON"]),
        (f"```json\n{CALL}\n```", ["a code fence for the tags"]),
        (f"I call it: {CALL}", ["no tags", "a list in one tag"][:1]),
        ('[f(a="é 🙂")]', ["no tags", "Python for JSON"]),
    ],
)
def test_what_was_meant(text: str, repairs: list[str]) -> None:
    read = lenient_calls(text, {"f"})
    assert (read.calls, read.repairs, read.broken) == (MEANT, repairs, [])
    assert read.missed == bool(repairs)
    assert (strict_calls(text) == MEANT) == (not repairs)


@pytest.mark.parametrize(
    "text",
    [
        "", "No function fits.", "Such as f(a=1), or 2 + 2.", '{"a": 1}',
        '```json\n{"name": "g", "arguments": {}}\n```',
        '{"answer": "f"}', "[1, 2]", "print()", "a < b > c", "{" * 5000, "f(" * 5000,
    ],
)  # fmt: skip
def test_what_is_no_attempt(text: str) -> None:
    assert not lenient_calls(text, {"f"}).missed
    assert strict_calls(text) == lenient_calls(text, {"f"}).calls == []


@pytest.mark.parametrize(
    "inside", ["", "f", "{", '{"name": 1}', "[1]", '{"name": "f", "arguments": [1]}', "null", '{"arguments": {}}']
)
def test_an_attempt_nobody_can_read_is_told(inside: str) -> None:
    read = lenient_calls(tagged(inside))
    assert read.missed and read.broken and not read.calls


def test_a_second_broken_call_is_seen() -> None:
    text = f"{tagged(CALL)}\n{tagged('{')}"
    assert strict_calls(text) == MEANT
    assert lenient_calls(text).missed


@pytest.mark.parametrize("inside", ["[]", '{"name": "f"}', '{"name": "f", "arguments": null}', '{"name": []}', "3"])
def test_what_the_strict_reader_cannot_decode(inside: str) -> None:
    assert strict_calls(tagged(inside)) is None


def test_python_is_read_and_not_run() -> None:
    assert pythonic_calls("[a.b(x=-1, y=[1, (2,)], z={'k': None}), c()]") == [
        {"a.b": {"x": -1, "y": [1, [2]], "z": {"k": None}}},
        {"c": {}},
    ]
    assert pythonic_calls("f(x=os.getcwd(), y=n + 1, z=(1, 2))") == [
        {"f": {"x": "os.getcwd()", "y": "n + 1", "z": [1, 2]}}
    ]
    for text in ("", "f(1)", "f(**a)", "[f(), 2]", "f(", "f() or g()", "[]", "f(a=" + "(" * 500 + ")"):
        assert pythonic_calls(text) is None
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        assert pythonic_calls(r"f(a='\d+', b=1 is 2)") == [{"f": {"a": r"\d+", "b": "1 is 2"}}]
    assert said == []
    with pytest.raises(ValueError, match=r"malformed|invalid"):
        python_literal("{'a': open('x')}")
