"""Prompts, tokens and text of Qwen3's own vocabulary: what Transformers makes of them, and who built the vocabulary."""

from __future__ import annotations

import hashlib
import json
import random
import unicodedata
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.integration.serving.served import serving
from tests.true_qwen3 import NAMED, PUBLISHED, SPECIAL, cases
from unified_intelligence.adapters.llm.transformers_adapter import TransformersAdapter
from unified_intelligence.engine import prompt
from unified_intelligence.engine.load import Loaded
from unified_intelligence.entities.generation import GenerationConfig
from unified_intelligence.entities.message import read_messages
from unified_intelligence.entities.tools import ToolSpec

SIZE = 151_669
TEXTS = (
    "Ça va ? 🙂\u2028D'accord.\r\n\r\n\tOui…",
    "🧑‍🚒👩🏽‍💻🇫🇷 fin", "汉字と仮名、한국어 각", "नमस्ते, السلام عليكم", "𒀀𓀀𝔘\u200d\u200b",
    "<think>\nHmm\n</think>\n\n<tool_call>\n{}\n</tool_call><|im_end|>", "  \n \n\n x  ", "",
)  # fmt: skip
Tool = dict[str, Any]
WEATHER: Tool = {
    "type": "function",
    "function": {
        "name": "meteo",
        "description": "Le temps qu'il fait.\u2028<b>Ici</b> & là 🌦",
        "parameters": {"type": "object", "properties": {"ville": {"type": "string"}}, "required": ["ville"]},
    },
}
TIME: Tool = {"type": "function", "function": {"name": "heure", "parameters": {"type": "object", "properties": {}}}}


def call(number: int, name: str, **arguments: object) -> dict[str, Any]:
    return {"id": f"call_{number}", "type": "function", "function": {"name": name, "arguments": arguments}}


SYSTEM = {"role": "system", "content": "Sois bref.\n"}
ASKED = {"role": "user", "content": "Quel temps à Nîmes ? ☔\u2028Et l'heure ?"}
THOUGHT = {"role": "assistant", "content": "\nOui.", "reasoning_content": "\nHmm…\n\nVoyons 🤔\n"}
INLINE = {"role": "assistant", "content": "<think>\nPeut-être\n</think>\n\nNon."}
AGAIN = {"role": "user", "content": "Et demain ?"}
CALLED = {
    "role": "assistant",
    "content": "Je regarde.",
    "reasoning_content": "Deux outils.\n",
    "tool_calls": [call(0, "meteo", ville="Nîmes « é »", jours=[1, 2.5, None]), call(1, "heure")],
}
SILENT = {"role": "assistant", "content": "", "tool_calls": [call(2, "heure")]}
RESULTS = [
    {"role": "tool", "tool_call_id": "call_0", "content": '{"ciel": "☀️"}'},
    {"role": "tool", "tool_call_id": "call_1", "content": "12 h 30\n"},
]
LATER = {"role": "tool", "tool_call_id": "call_2", "content": "<tool_response> 13 h"}
LOOKS = {"role": "user", "content": "<tool_response>\nx\n</tool_response>"}
CONVERSATIONS: dict[str, list[dict[str, Any]]] = {
    "a question": [ASKED],
    "a system's turn": [SYSTEM, ASKED],
    "a second system's turn": [SYSTEM, ASKED, THOUGHT, SYSTEM, AGAIN],
    "reasoning of earlier turns": [ASKED, THOUGHT, AGAIN, INLINE, AGAIN],
    "results of tools": [SYSTEM, ASKED, CALLED, *RESULTS],
    "results of tools, twice": [ASKED, CALLED, *RESULTS, SILENT, LATER],
    "calls of an earlier question": [ASKED, CALLED, *RESULTS, THOUGHT, AGAIN],
    "a question that looks like a result": [ASKED, CALLED, LOOKS],
}  # fmt: skip


def as_sent(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """As OpenAI's API has them: the arguments of a call are a text."""
    sent: list[dict[str, Any]] = json.loads(json.dumps(messages))
    for one in (one for message in sent for one in message.get("tool_calls", ())):
        one["function"]["arguments"] = json.dumps(one["function"]["arguments"])
    return sent


def spec(tool: Tool) -> ToolSpec:
    fields = tool["function"]
    return ToolSpec(fields["name"], fields.get("description", ""), fields["parameters"])


@pytest.mark.parametrize("thinking", [None, True, False])
@pytest.mark.parametrize("tools", [[], [WEATHER], [WEATHER, TIME]], ids=len)
@pytest.mark.parametrize("name", CONVERSATIONS)
def test_a_conversation_is_written_as_transformers_writes_it(
    loaded: Loaded, reference: Any, name: str, tools: list[Tool], thinking: bool | None
) -> None:
    messages = CONVERSATIONS[name]
    switch = {} if thinking is None else {"enable_thinking": thinking}
    expected = reference.apply_chat_template(
        messages, tools=tools or None, tokenize=False, add_generation_prompt=True, **switch
    )
    config = GenerationConfig(tools=tuple(map(spec, tools)), thinking=thinking)
    assert prompt.write(loaded, read_messages(as_sent(messages)), config) == expected


def test_results_of_tools_are_read_behind_what_the_model_wrote(local: TransformersAdapter) -> None:
    """Its reasoning among it: nothing of the conversation is read a second time."""
    config = GenerationConfig(tools=(spec(WEATHER), spec(TIME)))
    asked = local.encode_conversation([ASKED], config)
    written = local.encode(
        "<think>\nDeux outils.\n</think>\n\nJe regarde.\n"
        '<tool_call>\n{"name": "meteo", "arguments": {"ville": "Nîmes « é »", "jours": [1, 2.5, null]}}\n</tool_call>\n'
        '<tool_call>\n{"name": "heure", "arguments": {}}\n</tool_call><|im_end|>'
    )
    told = local.encode_conversation(as_sent([ASKED, CALLED, *RESULTS]), config)
    assert told[: len(asked) + len(written)] == asked + written


def test_the_server_counts_the_tokens_of_texts_and_conversations(local: TransformersAdapter, reference: Any) -> None:
    with serving(local) as served, httpx2.Client(base_url=served.url) as client:
        for text in TEXTS:
            told = client.post("/tokenize", json={"prompt": text}).json()
            assert told["tokens"] == reference.encode(text)
            assert told["count"] == len(told["tokens"])
            back = client.post("/detokenize", json={"tokens": told["tokens"]}).json()
            assert back["prompt"] == unicodedata.normalize("NFC", text)
        for messages in CONVERSATIONS.values():
            body: dict[str, Any] = {"messages": as_sent(messages), "tools": [WEATHER, TIME]}
            switch: dict[str, Any] = {"chat_template_kwargs": {"enable_thinking": False}}
            told = client.post("/tokenize", json=body | switch).json()
            assert "tokens" in told, told
            how: dict[str, Any] = {"add_generation_prompt": True, "return_dict": False, "enable_thinking": False}
            assert told["tokens"] == reference.apply_chat_template(messages, tools=[WEATHER, TIME], **how)


def test_the_vocabulary_is_the_one_that_qwen_publishes(local: TransformersAdapter, folder: Path) -> None:
    assert hashlib.sha256((folder / "tokenizer.json").read_bytes()).hexdigest() == PUBLISHED
    for number, name in enumerate(SPECIAL + NAMED, SIZE - len(SPECIAL + NAMED)):
        assert local.encode(name) == [number]
        assert local.decode([number]) == name
    assert [local.encode(tag)[0] for tag in ("<|im_end|>", "<tool_call>", "</think>")] == [151_645, 151_657, 151_668]


def test_the_cases_that_came_with_the_vocabulary(local: TransformersAdapter) -> None:
    assert len(cases()) > 40
    for text, tokens in cases():
        assert local.encode(text) == tokens
        assert local.decode(tokens) == unicodedata.normalize("NFC", text)


def streamed(loaded: Loaded, tokens: list[int]) -> str:
    text = prompt.text_of(loaded)
    return "".join(map(text.add, tokens)) + text.rest()


def test_every_token_streams_as_it_decodes(loaded: Loaded, reference: Any) -> None:
    """Alone, and among all others: half a character at the end is kept back, and nothing else."""
    whole = reference.backend_tokenizer.decode_batch([[token] for token in range(SIZE)], skip_special_tokens=True)
    assert len(whole) == SIZE and len(reference) == SIZE
    alone = [streamed(loaded, [token]) for token in range(SIZE)]
    assert [token for token in range(SIZE) if alone[token] != whole[token].rstrip("\ufffd")] == []
    order = random.Random(1).sample(range(SIZE), SIZE)
    assert streamed(loaded, order) == reference.decode(order, skip_special_tokens=True).rstrip("\ufffd")


def test_broken_characters_stream_as_they_decode(loaded: Loaded, reference: Any) -> None:
    whole = reference.backend_tokenizer.decode_batch([[token] for token in range(SIZE)], skip_special_tokens=True)
    broken = [token for token, text in enumerate(whole) if "\ufffd" in text]
    assert len(broken) > 1000
    chance = random.Random(3)
    for _ in range(1500):
        length = chance.randrange(1, 30)
        tokens = [chance.choice(broken) if chance.random() < 0.6 else chance.randrange(SIZE) for _ in range(length)]
        expected = reference.decode(tokens, skip_special_tokens=True)
        assert streamed(loaded, tokens).rstrip("\ufffd") == expected.rstrip("\ufffd"), tokens


@pytest.mark.parametrize("text", TEXTS)
def test_texts_stream_as_they_were(loaded: Loaded, reference: Any, text: str) -> None:
    tokens = reference.encode(text)
    expected = reference.decode(tokens, skip_special_tokens=True)
    assert streamed(loaded, tokens) == expected
    if "<|im_end|>" not in text:
        assert expected == unicodedata.normalize("NFC", text)
