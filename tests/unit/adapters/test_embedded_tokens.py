"""The embedded model's own tokens, as its provider gives them."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from unified_intelligence.adapters.llm import embedded_adapter
from unified_intelligence.adapters.llm.embedded_adapter import LONGEST_QUESTION, EmbeddedAdapter
from unified_intelligence.embedded.functions import prompt_form
from unified_intelligence.embedded.prompt import render
from unified_intelligence.embedded.reading import Reading
from unified_intelligence.embedded.router import FOLDER
from unified_intelligence.entities.errors import ContextLengthError, InvalidRequestError
from unified_intelligence.entities.generation import GenerationConfig
from unified_intelligence.entities.message import Message
from unified_intelligence.entities.tools import ToolCall, ToolSpec
from unified_intelligence.tools.registry import BUILT_IN

QUESTION = "Combien font 15 % de 240 € ? 🙂"
PERCENT = BUILT_IN["percent_of"].spec()
WEATHER = ToolSpec("météo", "Le temps", {"type": "object", "properties": {"ville": {"type": "string"}}})


def test_tokens_lead_back_to_the_text() -> None:
    model = EmbeddedAdapter()
    for text in (QUESTION, "a\u2028b\n\n", ""):
        assert model.decode(model.encode(text)) == text
    assert len(model.encode(QUESTION)) > 5
    for unknown in (-1, 10**6, 2**40):
        with pytest.raises(InvalidRequestError, match=str(unknown)) as refused:
            model.decode([*model.encode("a"), unknown])
        assert refused.value.provider == "embedded"


@pytest.mark.parametrize("tools", [(), (PERCENT,), (WEATHER,), (WEATHER, PERCENT)])
def test_a_conversation_is_what_the_model_reads_of_it(tools: tuple[ToolSpec, ...]) -> None:
    model, config = EmbeddedAdapter(), GenerationConfig(tools=tools)
    history = [Message("user", "Bonjour"), Message("assistant", "Bonjour !"), Message("user", QUESTION)]
    read = model.encode_conversation(history, config)
    described = [prompt_form(tool) for tool in tools] if WEATHER in tools else []
    assert model.decode(read) == render(FOLDER, Reading.of(QUESTION).text, described)
    usage = model.generate(history, config).usage
    assert usage is not None
    assert len(read) == usage.prompt_tokens <= model.longest_context


def test_what_the_model_does_not_read_has_no_tokens() -> None:
    call = ToolCall("c", "météo", "{}")
    told = [Message("user", "x"), Message("assistant", "", (call,)), Message("tool", "Soleil", tool_call_id="c")]
    assert EmbeddedAdapter().encode_conversation(told) == []
    with pytest.raises(ContextLengthError):
        EmbeddedAdapter().encode_conversation("a" * (LONGEST_QUESTION + 1))


def test_its_weights_are_read_beside_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    router = embedded_adapter.Router

    def noted() -> object:
        read.append(threading.current_thread().name)
        return router()

    monkeypatch.setattr(embedded_adapter, "Router", noted)
    embedded_adapter._router.cache_clear()  # pyright: ignore[reportPrivateUsage]
    asyncio.run(EmbeddedAdapter().aload())
    EmbeddedAdapter().generate("What is 15% of 240?")
    assert len(read) == 1
    assert read != [threading.main_thread().name]


def test_a_long_text_is_encoded_as_a_short_one_and_lets_other_threads_run() -> None:
    part = "Ça va 🙂, what is 2 plus 2? "
    adapter = EmbeddedAdapter()
    short = adapter.encode(part)
    wakes: list[float] = []
    with ThreadPoolExecutor(1) as pool:
        encoding = pool.submit(adapter.encode, part * 40_000)
        while not encoding.done():
            time.sleep(0.002)
            wakes.append(time.monotonic())
    assert encoding.result()[: len(short) - 1] == short[:-1]
    assert adapter.decode(encoding.result()) == part * 40_000
    assert len(wakes) > 20
