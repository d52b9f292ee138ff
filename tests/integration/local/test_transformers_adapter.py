"""Real generation by tiny models: one that says a known text by heart, one of random weights."""

from __future__ import annotations

import asyncio
import importlib
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
import torch

from tests.tiny_qwen3 import LONGEST, TEMPLATE, build
from unified_intelligence.adapters.llm.transformers_adapter import TransformersAdapter
from unified_intelligence.entities.errors import (
    ConfigurationError,
    ContextLengthError,
    InvalidRequestError,
    MalformedToolCallError,
    ModelNotFoundError,
)
from unified_intelligence.entities.generation import Finished, GenerationConfig, ReasoningDelta, TextDelta, collect
from unified_intelligence.entities.message import Message
from unified_intelligence.entities.tools import ToolCall, ToolSpec

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.integration.local.conftest import Speaker

WEATHER = ToolSpec("météo", "Le temps qu'il fait", {"type": "object", "properties": {"ville": {"type": "string"}}})
CALL = '<tool_call>\n{"name": "météo", "arguments": {"ville": "Nîmes 🌞"}}\n</tool_call>'
SECOND = '<tool_call>\n{"name": "now"}\n</tool_call>'
REASONING, VISIBLE = "Hmm… <é> 🤔\n", "Ça va ? 🙂 Très bien !\n"
ANSWER = f"<think>\n{REASONING}</think>\n\n{VISIBLE}{CALL}\n{SECOND}"
SEEDS = (1, -2, 2**70)
TOOLS = GenerationConfig(temperature=0.0, tools=(WEATHER,))
LONG = "".join(f"{number} " for number in range(400))
GREEDY = GenerationConfig(temperature=0.0)


@pytest.fixture
def steps() -> Iterator[list[str]]:
    """A list that grows with every forward pass of a whole model."""
    made: list[str] = []

    def note(module: torch.nn.Module, *_: Any) -> None:
        if type(module).__name__ == "Qwen3ForCausalLM":
            made.append(threading.current_thread().name)

    handle = torch.nn.modules.module.register_module_forward_hook(note)
    yield made
    handle.remove()


def test_reasoning_text_and_calls_are_told_apart(speaker: Speaker) -> None:
    answer = speaker(ANSWER).generate("Quel temps ?", TOOLS)
    assert answer.reasoning == REASONING
    assert answer.text == VISIBLE
    assert answer.tool_calls == (
        ToolCall("call_0", "météo", '{"ville": "Nîmes 🌞"}'),
        ToolCall("call_1", "now", "{}"),
    )
    assert answer.finish_reason == "tool_calls"
    assert answer.usage is not None
    assert answer.usage.reasoning_tokens is not None
    assert 10 < answer.usage.reasoning_tokens < answer.usage.completion_tokens - 30


def test_text_comes_token_by_token_and_characters_come_whole(speaker: Speaker) -> None:
    events = list(speaker(ANSWER).stream("Quel temps ?", TOOLS))
    pieces = [event.text for event in events if isinstance(event, TextDelta | ReasoningDelta)]
    assert len(pieces) > 20
    assert max(map(len, pieces)) <= 3
    assert "\ufffd" not in "".join(pieces)


def test_pieces_come_before_the_end_and_a_closed_answer_stops_the_work(speaker: Speaker, steps: list[str]) -> None:
    model = speaker(LONG, engine="transformers")
    assert len(model.generate("Quel temps ?", TOOLS).text) > 1000
    whole = len(steps)
    steps.clear()
    events = model.stream("Quel temps ?", TOOLS)
    next(events)
    assert len(steps) < whole / 2
    events.close()
    reached = len(steps)
    assert list(events) == []
    time.sleep(0.1)
    assert len(steps) <= reached + 2


def test_without_tools_in_the_request_a_call_is_text(speaker: Speaker) -> None:
    answer = speaker(ANSWER).generate("Quel temps ?", GREEDY)
    assert answer.text == f"{VISIBLE}{CALL}\n{SECOND}"
    assert answer.tool_calls == ()
    assert answer.finish_reason == "stop"


def test_a_prompt_that_opens_the_reasoning_is_understood(speaker: Speaker) -> None:
    opening = TEMPLATE.replace("assistant\\n' }}", "assistant\\n<think>\\n' }}")
    answer = speaker("Réfléchissons…\n</think>\n\nOui 🙂", opening).generate("Ça va ?", GREEDY)
    assert (answer.reasoning, answer.text) == ("Réfléchissons…\n", "Oui 🙂")


def test_thinking_is_switched_in_the_prompt(speaker: Speaker) -> None:
    def prompt_tokens(thinking: bool | None) -> int:
        usage = speaker("Oui").generate("Ça va ?", GenerationConfig(temperature=0.0, thinking=thinking)).usage
        assert usage is not None
        return usage.prompt_tokens

    assert prompt_tokens(None) == prompt_tokens(True) == prompt_tokens(False) - len(("<think>", "</think>", *"\n" * 4))


@pytest.mark.parametrize(("stop", "left"), [
    (("Très",), "Ça va ? 🙂 "), (("🙂 T", "bien"), "Ça va ? "), (("!",), "Ça va ? 🙂 Très bien "),
    (("Hmm", "é>"), VISIBLE),
])  # fmt: skip
def test_a_stop_sequence_ends_the_visible_text_only(speaker: Speaker, stop: tuple[str, ...], left: str) -> None:
    config = GenerationConfig(temperature=0.0, tools=(WEATHER,), stop=stop)
    answer = speaker(ANSWER).generate("Quel temps ?", config)
    assert answer.text == left
    assert answer.reasoning == REASONING
    assert answer.finish_reason == ("stop" if left != VISIBLE else "tool_calls")


def test_wherever_the_answer_is_cut_it_is_a_beginning(speaker: Speaker) -> None:
    model = speaker(ANSWER)
    whole = model.generate("Quel temps ?", TOOLS)
    assert whole.usage is not None
    for limit in range(1, whole.usage.completion_tokens, 3):
        cut = model.generate("Quel temps ?", GenerationConfig(temperature=0.0, tools=(WEATHER,), max_tokens=limit))
        assert cut.finish_reason == "length"
        assert cut.usage is not None
        assert cut.usage.completion_tokens == limit
        assert whole.reasoning.startswith(cut.reasoning)
        assert whole.text.startswith(cut.text)
        assert cut.tool_calls == whole.tool_calls[: len(cut.tool_calls)]


def test_a_call_without_its_closing_tag_is_read_when_the_turn_ended(speaker: Speaker) -> None:
    answer = speaker('<tool_call>\n{"name": "now", "arguments": {}}').generate("L'heure ?", TOOLS)
    assert answer.tool_calls == (ToolCall("call_0", "now", "{}"),)
    assert answer.finish_reason == "tool_calls"


def test_a_damaged_call_is_raised_after_the_text_before_it(speaker: Speaker) -> None:
    events = speaker('Voilà 🙂\n<tool_call>\n{"name": "météo", "arg\n</tool_call>').stream("Quel temps ?", TOOLS)
    seen: list[str] = []
    with pytest.raises(MalformedToolCallError) as raised:
        seen.extend(event.text for event in events if isinstance(event, TextDelta))
    assert '"météo", "arg' in raised.value.written
    assert raised.value.provider == "local"


def test_a_tool_conversation_reaches_the_template_and_numbers_its_calls_on(speaker: Speaker) -> None:
    history = [
        Message("user", "Quel temps ?"),
        Message("assistant", "", (ToolCall("call_0", "météo", '{"ville": "Nîmes"}'),)),
        Message("tool", "Soleil 🌞", tool_call_id="call_0"),
    ]
    answer = speaker(ANSWER).generate(history, TOOLS)
    assert [call.id for call in answer.tool_calls] == ["call_1", "call_2"]
    damaged = [history[0], Message("assistant", "", (ToolCall("call_0", "météo", "{ville"),)), history[2]]
    with pytest.raises(InvalidRequestError, match="météo"):
        speaker(ANSWER).generate(damaged, TOOLS)


def test_greedy_decoding_says_what_transformers_says(random_folder: Path, random_model: TransformersAdapter) -> None:
    library: Any = importlib.import_module("transformers")
    model = library.AutoModelForCausalLM.from_pretrained(random_folder, dtype="auto")
    tokenizer = library.AutoTokenizer.from_pretrained(random_folder)
    turns = [{"role": "user", "content": "Ça va ? 🙂"}]
    prompt = tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    written = model.generate(**prompt, do_sample=False, max_new_tokens=40)[0, prompt["input_ids"].shape[1] :]
    answer = random_model.generate("Ça va ? 🙂", GenerationConfig(temperature=0.0, max_tokens=40))
    assert len(answer.text) > 20
    assert answer.text == tokenizer.decode(written, skip_special_tokens=True).rstrip("\ufffd")


def test_a_seed_means_the_same_alone_and_in_company(random_model: TransformersAdapter) -> None:
    def seeded(seed: int) -> GenerationConfig:
        return GenerationConfig(temperature=1.0, top_p=0.95, seed=seed, max_tokens=12)

    state = torch.random.get_rng_state()
    alone = [random_model.generate("Ça va ?", seeded(seed)).text for seed in SEEDS]
    assert torch.equal(state, torch.random.get_rng_state())
    assert len(set(alone)) == 3

    async def together() -> list[str]:
        answers = await asyncio.gather(*(random_model.agenerate("Ça va ?", seeded(seed)) for seed in SEEDS))
        return [answer.text for answer in answers]

    assert asyncio.run(together()) == alone


def test_without_a_seed_or_temperature_answers_differ(random_model: TransformersAdapter) -> None:
    assert len({random_model.generate("Ça va ?", GenerationConfig(max_tokens=12)).text for _ in range(4)}) > 1


def test_a_prompt_that_does_not_fit_is_refused_and_one_that_does_is_cut(random_model: TransformersAdapter) -> None:
    with pytest.raises(ContextLengthError) as refused:
        random_model.generate("a" * LONGEST)
    assert refused.value.longest == LONGEST
    assert refused.value.length is not None
    assert refused.value.length > LONGEST
    assert refused.value.provider == "local"
    around = refused.value.length - LONGEST
    answer = random_model.generate("a" * (LONGEST - around - 3), GenerationConfig(seed=1, max_tokens=50))
    assert answer.finish_reason == "length"
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 3


def test_a_cancelled_call_stops_within_a_token_even_inside_a_tool_call(speaker: Speaker, steps: list[str]) -> None:
    model = speaker(f'Oui\n<tool_call>\n{{"name": "{LONG}"}}\n</tool_call>', engine="transformers")
    assert len(model.generate("x", TOOLS).tool_calls) == 1
    whole = len(steps)
    steps.clear()

    async def cancelled() -> int:
        task = asyncio.create_task(model.agenerate("x", TOOLS))
        while len(steps) < 60:
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return len(steps)

    reached = asyncio.run(cancelled())
    time.sleep(0.2)
    assert len(steps) <= reached + 2 < whole / 2


def test_the_caller_between_two_pieces_is_not_in_inference_mode(random_model: TransformersAdapter) -> None:
    for _ in random_model.stream("Ça va ?", GenerationConfig(seed=1, max_tokens=6)):
        assert not torch.is_inference_mode_enabled()
        assert torch.is_grad_enabled()


def test_nothing_is_printed_on_stdout(random_folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    model = TransformersAdapter(model=str(random_folder), threads=1)
    events = list(model.stream("Ça va ?", GenerationConfig(seed=1, max_tokens=4)))
    assert isinstance(events[-1], Finished)
    assert capfd.readouterr().out == ""


def test_a_closed_provider_loads_again(random_folder: Path) -> None:
    model = TransformersAdapter(model=str(random_folder), threads=1)
    config = GenerationConfig(temperature=0.0, max_tokens=5)
    first = model.generate("Ça va ?", config)
    model.close()
    assert model.generate("Ça va ?", config).text == first.text


def test_building_looks_at_the_files_and_leaves_torch_alone(random_folder: Path) -> None:
    program = (
        "import sys; from unified_intelligence.adapters.llm.transformers_adapter import TransformersAdapter as A\n"
        f"A(model={str(random_folder)!r}); sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    )
    environment = {"PYTHONPATH": ":".join(sys.path), "PATH": ""}
    assert subprocess.run([sys.executable, "-c", program], env=environment, check=False).returncode == 0
    with pytest.raises(ModelNotFoundError):
        TransformersAdapter(model="/no/such/folder")


def test_a_hub_id_is_asked_for_with_the_first_answer(tmp_path: Path) -> None:
    model = TransformersAdapter(model="owner/name", cache_dir=str(tmp_path), offline=True)
    with pytest.raises(ModelNotFoundError, match="owner/name is not in the cache") as refused:
        model.generate("Ça va ?")
    assert refused.value.provider == "local"


def test_a_model_that_was_never_taught_to_converse_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no chat template") as refused:
        TransformersAdapter(model=str(build(tmp_path, template=None)), threads=1).generate("Ça va ?")
    assert "instruct" in refused.value.hint


def test_what_the_template_refuses_is_the_requests_fault(tmp_path: Path) -> None:
    template = "{{ raise_exception('No system turn, please.') if messages[0].role == 'system' else 'x' }}"
    model = TransformersAdapter(model=str(build(tmp_path, template=template)), threads=1)
    with pytest.raises(InvalidRequestError, match="No system turn"):
        model.generate([Message("system", "a"), Message("user", "b")])
    with pytest.raises(InvalidRequestError, match="no place for tools"):
        model.generate("b", TOOLS)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_number_type_is_the_one_asked_for(random_folder: Path, dtype: Any) -> None:
    model = TransformersAdapter(model=str(random_folder), threads=1, dtype=dtype)
    seen: set[torch.dtype] = set()

    def note(module: torch.nn.Module, _: Any, output: Any) -> None:
        if type(module).__name__ == "Qwen3ForCausalLM":
            seen.add(output.logits.dtype)

    handle = torch.nn.modules.module.register_module_forward_hook(note)
    try:
        collect(model.stream("Ça va ?", GenerationConfig(temperature=0.0, max_tokens=3)))
    finally:
        handle.remove()
    assert seen == {getattr(torch, dtype)}
