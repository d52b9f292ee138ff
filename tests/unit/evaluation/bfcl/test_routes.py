"""How a case is put to a model: to the letter where a protocol asks for it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from jinja2.sandbox import ImmutableSandboxedEnvironment

from tests.unit.evaluation.data_pack import pack
from unified_intelligence.entities.message import Message
from unified_intelligence.evaluation.bfcl.cases import CATEGORIES, Case, read_cases
from unified_intelligence.evaluation.bfcl.routes import hermes_messages, prompt_messages, tools_of
from unified_intelligence.evaluation.bfcl.sources import contents
from unified_intelligence.evaluation.suite import Choice

TREE = {
    "name": "tree.plant",
    "description": "Plants.",
    "parameters": {
        "type": "dict",
        "properties": {
            "kind": {"type": "any", "description": "Which, e.g. « chêne »"},
            "height": {"type": "float", "description": "In m."},
            "girth": {"type": "float"},
            "spots": {"type": "array", "items": {"type": "tuple", "items": {"type": "float"}}},
            "soil": {"type": "dict", "properties": {"ph": {"type": "float", "description": "pH"}}},
        },
        "required": ["kind"],
    },
}
CASE = Case("one", "simple_python", (Message("user", "Plante un chêne\nici 🌳"),), (TREE, TREE))

# Qwen3's own template, cut down to what a system message and users' turns take of it.
CHATML = (
    "{%- for message in messages %}{{- '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>' + '\n' }}"
    "{%- endfor %}{{- '<|im_start|>assistant\n' }}"
)


def prompt_of(case: Case) -> str:
    turns = [{"role": turn.role, "content": turn.content} for turn in hermes_messages(case)]
    return ImmutableSandboxedEnvironment().from_string(CHATML).render(messages=turns)


def test_the_prompt_of_hermes_is_the_handlers() -> None:
    document = json.dumps({**TREE, "description": "Plants. Note that the provided function is in Python 3 syntax."})
    assert prompt_of(CASE) == (
        "<|im_start|>system\n# Tools\n\nYou may call one or more functions to assist with the user query.\n\nYou are "
        "provided with function signatures within <tools></tools> XML tags:\n<tools>\n"
        f"{document}\n{document}\n</tools>\n\nFor each function call, return a json object with function name and "
        "arguments within <tool_call></tool_call> XML tags:\n<tool_call>\n"
        '{"name": <function-name>, "arguments": <args-json-object>}\n</tool_call><|im_end|>\n'
        "<|im_start|>user\nPlante un chêne\nici 🌳<|im_end|>\n<|im_start|>assistant\n"
    )


@pytest.mark.parametrize("put", [hermes_messages, prompt_messages])
def test_a_system_message_of_the_case_stays_in_front(put: Callable[[Case], tuple[Message, ...]]) -> None:
    case = Case("two", "live_simple", (Message("system", "Be brief."), *CASE.messages), (TREE,))
    system, *turns = put(case)
    assert system.role == "system" and system.content.startswith("Be brief.\n\n")
    assert "tree.plant" in system.content and tuple(turns) == CASE.messages


def test_a_case_without_functions_is_put_as_it_is() -> None:
    case = Case("three", "live_irrelevance", CASE.messages, ())
    assert hermes_messages(case) == CASE.messages and tools_of(case.functions) == ()
    assert prompt_of(case) == "<|im_start|>user\nPlante un chêne\nici 🌳<|im_end|>\n<|im_start|>assistant\n"


def test_tools_have_the_types_of_json_schema_and_names_without_dots() -> None:
    (tool, _) = tools_of(CASE.functions)
    assert (tool.name, tool.description) == (
        "tree_plant", "Plants. Note that the provided function is in Python 3 syntax."
    )  # fmt: skip
    assert tool.parameters == {
        "type": "object",
        "properties": {
            "kind": {"type": "string", "description": "Which, e.g. « chêne »"},
            "height": {"type": "number", "format": "float", "description": "In m. This is a float type value."},
            "girth": {"type": "number", "format": "float", "description": "This is a float type value."},
            "spots": {"type": "array", "items": {"type": "array", "items": {"type": "number"}}},
            "soil": {
                "type": "object",
                "properties": {
                    "ph": {"type": "number", "format": "float", "description": "pH This is a float type value."}
                },
            },
        },
        "required": ["kind"],
    }
    assert TREE["parameters"] == CASE.functions[0]["parameters"], "the case itself is left as it was"


def test_every_case_can_be_put_by_every_route() -> None:
    folder: Path = pack("bfcl")
    for category in CATEGORIES:
        choice = Choice(name=f"bfcl/{category}", data=folder)
        for case in read_cases(category, *contents(category, choice)):
            text = json.dumps([tool.parameters for tool in tools_of(case.functions)])
            assert not any(f'"type": "{gone}"' in text for gone in ("dict", "float", "tuple", "any"))
            (system, *_) = hermes_messages(case)
            assert system.content.count("Python 3 syntax.") >= len(case.functions)
