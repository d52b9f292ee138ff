"""What a request may ask of the local provider beyond a plain answer, by tiny models and beside Transformers."""

from __future__ import annotations

import asyncio
import importlib
import math
import shutil
from contextlib import closing
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any

import pytest

from tests.tiny_qwen3 import LONGEST, TEMPLATE, build, build_speaker
from unified_intelligence.adapters.llm.transformers_adapter import TransformersAdapter
from unified_intelligence.entities.errors import ContextLengthError, InvalidRequestError
from unified_intelligence.entities.generation import ChoiceFormat, GenerationConfig, TextDelta
from unified_intelligence.entities.message import Message
from unified_intelligence.entities.tools import ToolSpec
from unified_intelligence.profiles.qwen3 import answer_share

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.local.conftest import Speaker

QUESTION = "Ça va ? 🙂"
VISIBLE = "Oui, bien 🙂\u2028çà !"
THOUGHT = "Hmm… réfléchi 🤔\n"
SPOKEN = f"<think>\n{THOUGHT}</think>\n\n{VISIBLE}"
OPENED = TEMPLATE.replace("assistant\\n' }}", "assistant\\n<think>\\n' }}")
TOOL = ToolSpec("météo", "Le temps", {"type": "object", "properties": {}})
library: Any = importlib.import_module("transformers")


@pytest.fixture(scope="module")
def theirs(random_folder: Path) -> tuple[Any, Any]:
    """The model and the tokenizer as Transformers gives them."""
    model = library.AutoModelForCausalLM.from_pretrained(random_folder, dtype="auto")
    return model, library.AutoTokenizer.from_pretrained(random_folder)


def prompt_of(tokenizer: Any) -> Any:
    turns = [{"role": "user", "content": QUESTION}]
    return tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_tensors="pt", return_dict=True)


@pytest.mark.parametrize("asked", [
    {"repetition_penalty": 1.5}, {"repetition_penalty": 0.8}, {"min_tokens": 30},
    {"repetition_penalty": 3.0, "min_tokens": 40},
])  # fmt: skip
def test_greedy_is_what_transformers_generates(
    random_model: TransformersAdapter, theirs: tuple[Any, Any], asked: dict[str, Any]
) -> None:
    model, tokenizer = theirs
    prompt, named = prompt_of(tokenizer), dict(asked)
    named |= {"min_new_tokens": named.pop("min_tokens")} if "min_tokens" in named else {}
    written = model.generate(**prompt, do_sample=False, max_new_tokens=40, **named)[0, prompt["input_ids"].shape[1] :]
    answer = random_model.generate(QUESTION, GenerationConfig(temperature=0.0, max_tokens=40, **asked))
    expected = tokenizer.decode(written, skip_special_tokens=True).partition("<think>")[0]  # a block is limited here
    assert answer.text.rstrip("\ufffd") == expected.rstrip("\ufffd")
    assert len(answer.text) > 20


def test_logprobs_are_those_the_model_gives_the_whole_answer(
    random_model: TransformersAdapter, theirs: tuple[Any, Any]
) -> None:
    """Read again in one pass, whatever was drawn by whatever temperature and penalties."""
    model, tokenizer = theirs
    torch: Any = importlib.import_module("torch")
    config = GenerationConfig(seed=5, temperature=1.3, top_k=50, frequency_penalty=1.0, max_tokens=30, logprobs=3)
    plain = random_model.generate(QUESTION, replace(config, logprobs=None))
    events = list(random_model.stream(QUESTION, config))
    pieces = [event for event in events if isinstance(event, TextDelta)]
    told = [logprob for piece in pieces for logprob in piece.logprobs]
    assert len(told) > 10
    assert "".join(logprob.token for logprob in told) == "".join(piece.text for piece in pieces)
    plain = random_model.generate(
        QUESTION, GenerationConfig(seed=5, temperature=1.3, top_k=50, frequency_penalty=1.0, max_tokens=30)
    )
    assert plain.text == "".join(piece.text for piece in pieces)
    assert plain.logprobs == ()
    prompt = prompt_of(tokenizer)["input_ids"]
    written: list[int] = []
    for logprob in told:
        with torch.inference_mode():
            row = model(torch.tensor([[*prompt[0].tolist(), *written]])).logits[0, -1].log_softmax(-1)
        best = row.topk(3)
        assert [other.logprob for other in logprob.alternatives] == pytest.approx(best.values.tolist(), abs=1e-4)
        token = int((row - logprob.logprob).abs().argmin())
        assert float(row[token]) == pytest.approx(logprob.logprob, abs=1e-5)
        written.append(token)


def test_logprobs_without_alternatives_and_greedy_ones_best_first(speaker: Speaker) -> None:
    answer = speaker(SPOKEN).generate(QUESTION, GenerationConfig(temperature=0.0, logprobs=0))
    assert answer.text == VISIBLE
    assert "".join(logprob.token for logprob in answer.logprobs) == VISIBLE
    assert all(logprob.logprob <= 0 and logprob.alternatives == () for logprob in answer.logprobs)
    beside = speaker(SPOKEN).generate(QUESTION, GenerationConfig(temperature=0.0, logprobs=5))
    for logprob in beside.logprobs:
        assert (logprob.alternatives[0].token, logprob.alternatives[0].logprob) == (logprob.token, logprob.logprob)
        assert len(logprob.alternatives) == 5
        assert sum(math.exp(other.logprob) for other in logprob.alternatives) <= 1 + 1e-6


@pytest.mark.parametrize("asked", [
    {"top_k": 1}, {"min_p": 1.0}, {"top_p": 0.0},
])  # fmt: skip
def test_what_leaves_one_token_is_greedy(random_model: TransformersAdapter, asked: dict[str, Any]) -> None:
    greedy = random_model.generate(QUESTION, GenerationConfig(temperature=0.0, max_tokens=25)).text
    assert random_model.generate(QUESTION, GenerationConfig(temperature=2.0, max_tokens=25, **asked)).text == greedy


def test_a_seed_gives_the_same_answer_with_every_parameter_set(random_model: TransformersAdapter) -> None:
    config = GenerationConfig(
        seed=7, temperature=1.5, top_k=40, top_p=0.95, min_p=0.01, presence_penalty=0.5, frequency_penalty=0.2,
        repetition_penalty=1.1, min_tokens=5, max_tokens=25, logprobs=2,
    )  # fmt: skip
    first, second = random_model.generate(QUESTION, config), random_model.generate(QUESTION, config)
    assert (first.text, first.logprobs) == (second.text, second.logprobs)


def test_a_token_that_was_written_costs_its_frequency(random_model: TransformersAdapter) -> None:
    free = random_model.generate(QUESTION, GenerationConfig(temperature=0.0, max_tokens=60)).text
    charged = random_model.generate(
        QUESTION, GenerationConfig(temperature=0.0, max_tokens=60, frequency_penalty=2.0)
    ).text
    assert len(set(charged)) > len(set(free))


def test_no_end_before_the_least_tokens(speaker: Speaker) -> None:
    model = speaker("Oui 🙂")
    whole = model.generate(QUESTION, GenerationConfig(temperature=0.0)).usage
    assert whole is not None
    longer = model.generate(QUESTION, GenerationConfig(temperature=0.0, min_tokens=20, max_tokens=30))
    assert longer.usage is not None
    assert whole.completion_tokens < 20 <= longer.usage.completion_tokens
    assert longer.text.startswith("Oui 🙂")
    exact = model.generate(QUESTION, GenerationConfig(temperature=0.0, min_tokens=whole.completion_tokens))
    assert (exact.text, exact.finish_reason) == ("Oui 🙂", "stop")
    stopped = model.generate(QUESTION, GenerationConfig(temperature=0.0, min_tokens=20, max_tokens=30, stop=("ui",)))
    assert stopped.text.startswith("Oui 🙂")


@pytest.mark.parametrize("template", [TEMPLATE, OPENED])
def test_every_thinking_budget_is_kept_and_followed_by_the_answer(speaker: Speaker, template: str) -> None:
    model = speaker(SPOKEN if template == TEMPLATE else f"{THOUGHT}</think>\n\n{VISIBLE}", template)
    whole = model.generate(QUESTION, GenerationConfig(temperature=0.0))
    assert whole.usage is not None
    spent = whole.usage.reasoning_tokens
    assert spent is not None and spent > 12
    for budget in range(spent + 3):
        answer = model.generate(QUESTION, GenerationConfig(temperature=0.0, thinking_budget=budget))
        assert answer.usage is not None
        assert answer.usage.reasoning_tokens == min(budget, spent)
        assert answer.usage.completion_tokens == whole.usage.completion_tokens - spent + min(budget, spent)
        assert (answer.text, answer.finish_reason) == (VISIBLE, "stop")
        assert THOUGHT.startswith(answer.reasoning)
    assert model.generate(QUESTION, GenerationConfig(temperature=0.0, thinking_budget=spent)).reasoning == THOUGHT


def test_however_few_tokens_there_are_a_share_of_them_is_answer(speaker: Speaker) -> None:
    model = speaker(SPOKEN)
    whole = model.generate(QUESTION, GenerationConfig(temperature=0.0))
    assert whole.usage is not None
    tags, most = 3, whole.usage.completion_tokens + 2
    for limit in range(1, most):
        answer = model.generate(QUESTION, GenerationConfig(temperature=0.0, max_tokens=limit))
        assert answer.usage is not None and answer.usage.reasoning_tokens is not None
        assert answer.usage.completion_tokens <= limit
        assert VISIBLE.startswith(answer.text)
        ended = answer.usage.completion_tokens < limit  # the token that ends the turn is not counted, but needs room
        assert answer.finish_reason == ("stop" if ended else "length")
        assert answer.text == VISIBLE or not ended
        if limit >= answer_share(limit) + tags:
            left = limit - answer.usage.reasoning_tokens - tags
            assert left >= answer_share(limit)
            assert len(answer.text) > 3


def test_a_block_closed_by_force_is_not_opened_again(speaker: Speaker) -> None:
    """What follows a newline in this one is always the opening tag."""
    config = GenerationConfig(temperature=0.0, thinking_budget=3, max_tokens=40)
    answer = speaker("<think>Encore et encore…").generate(QUESTION, config)
    assert answer.reasoning == "Enc"
    assert len(answer.text) > 20
    assert answer.finish_reason == "length"


def test_what_a_template_knows_nothing_of_is_not_honoured(tmp_path: Path, speaker: Speaker) -> None:
    plain = "{% for message in messages %}{{ message.content }}{% endfor %}"
    model = TransformersAdapter(model=str(build(tmp_path, template=plain)), threads=1)
    everything = speaker(SPOKEN).honoured
    assert {"thinking", "thinking_budget", "tools", "logprobs", "min_tokens"} <= everything
    by_template = {"thinking", "thinking_budget", "tools", "tool_choice", "parallel_tool_calls"}
    assert everything - model.honoured == by_template
    assert "response_format" in model.honoured
    assert "reasoning_effort" not in everything
    with pytest.raises(InvalidRequestError, match="thinking_budget"):
        model.generate(QUESTION, GenerationConfig(thinking_budget=4))


HISTORY = [
    Message("system", "Sois brève 🙂"),
    Message("user", "Bonjour"),
    Message("assistant", "Salut !"),
    Message("user", QUESTION),
]


@pytest.mark.parametrize("thinking", [None, True, False])
@pytest.mark.parametrize("tools", [(), (TOOL,)])
def test_a_conversation_has_the_tokens_of_its_template(
    random_model: TransformersAdapter, theirs: tuple[Any, Any], thinking: bool | None, tools: tuple[ToolSpec, ...]
) -> None:
    named = {} if thinking is None else {"enable_thinking": thinking}
    function = {"name": TOOL.name, "description": TOOL.description, "parameters": dict(TOOL.parameters)}
    listed = [{"type": "function", "function": function}] if tools else None
    turns = [{"role": turn.role, "content": turn.content} for turn in HISTORY]
    expected = theirs[1].apply_chat_template(
        turns, tools=listed, add_generation_prompt=True, return_dict=True, **named
    )["input_ids"]
    config = GenerationConfig(thinking=thinking, tools=tools, max_tokens=1, temperature=0.0)
    assert random_model.encode_conversation(HISTORY, config) == expected
    usage = random_model.generate(HISTORY, config).usage
    assert usage is not None
    assert usage.prompt_tokens == len(expected)


def test_tokens_are_those_of_the_tokenizer_and_lead_back(
    random_model: TransformersAdapter, theirs: tuple[Any, Any]
) -> None:
    text = f"<|im_start|>user\n{SPOKEN}<|im_end|>"
    tokens = random_model.encode(text)
    assert tokens == theirs[1].encode(text, add_special_tokens=False)
    assert tokens[0] == theirs[1].convert_tokens_to_ids("<|im_start|>")
    assert random_model.decode(tokens) == text
    assert random_model.decode([]) == "" == random_model.decode(random_model.encode(""))
    assert random_model.decode(random_model.encode("a\ud800b")) == "a?b"
    assert random_model.longest_context == LONGEST
    assert len(random_model.encode_conversation("a" * LONGEST)) > LONGEST
    for unknown in (-1, len(theirs[1]), 2**32, 2**70):
        with pytest.raises(InvalidRequestError, match=str(unknown)) as refused:
            random_model.decode([tokens[0], unknown])
        assert refused.value.provider == "local"


TEXTS = ["Ça va ? 🙂", "Un texte plus long,\navec deux lignes.", "a", "Ça va ? 🙂", "b" * 300]


def test_vectors_are_the_mean_of_the_last_states_whatever_is_beside_them(
    random_model: TransformersAdapter, theirs: tuple[Any, Any]
) -> None:
    torch: Any = importlib.import_module("torch")
    together = asyncio.run(random_model.aembed(TEXTS))
    assert together.prompt_tokens == sum(len(random_model.encode(text)) for text in TEXTS)
    for text, vector in zip(TEXTS, together.vectors, strict=True):
        alone = asyncio.run(random_model.aembed([text], dimensions=len(vector))).vectors[0]
        assert vector == pytest.approx(alone, abs=1e-5)
        assert math.hypot(*vector) == pytest.approx(1.0, abs=1e-5)
        with torch.inference_mode():
            states = theirs[0].model(torch.tensor([random_model.encode(text)])).last_hidden_state[0]
        mean = states.float().mean(0)
        assert vector == pytest.approx((mean / mean.norm()).tolist(), abs=1e-5)
    assert together.vectors[0] == pytest.approx(together.vectors[3], abs=1e-6)
    assert together.vectors[0] != pytest.approx(together.vectors[1], abs=1e-2)


def test_a_text_without_a_vector_is_refused(random_model: TransformersAdapter) -> None:
    for texts in ([], [""], ["a", ""]):
        with pytest.raises(InvalidRequestError) as refused:
            asyncio.run(random_model.aembed(texts))
        assert refused.value.provider == "local"
    with pytest.raises(InvalidRequestError, match="dimensions, not 3"):
        asyncio.run(random_model.aembed(["a"], dimensions=3))
    with pytest.raises(ContextLengthError):
        asyncio.run(random_model.aembed(["a" * (LONGEST + 1)]))


def test_what_was_loaded_needs_its_folder_no_more(random_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(random_folder, tmp_path / "copy")
    model = TransformersAdapter(model=str(tmp_path / "copy"), threads=1)
    asyncio.run(model.aload())
    shutil.rmtree(tmp_path / "copy")
    asyncio.run(model.aload())
    assert len(model.generate(QUESTION, GenerationConfig(temperature=0.0, max_tokens=8)).text) > 2


def goes_on(adapter: TransformersAdapter, pieces: int) -> bool:
    """Whether an answer without a limit has so many pieces of text; what comes after them is not waited for."""
    with closing(adapter.stream(QUESTION, GenerationConfig(temperature=0.0, thinking=False))) as events:
        return len(list(islice((event for event in events if isinstance(event, TextDelta)), pieces))) == pieces


def test_an_answer_may_be_asked_to_be_no_shorter_than_a_tenth_of_its_limit(
    speaker: Speaker, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Off it is as the model says it; with `auto` what comes after its end is not the model's choice any more."""
    short = "Oui 🙂"
    folder = build_speaker(tmp_path_factory.mktemp("short"), short)
    free, held = speaker(short), TransformersAdapter(model=str(folder), threads=1, min_tokens="auto")

    def asked(adapter: TransformersAdapter, **more: Any) -> tuple[str, int]:
        config = replace(GenerationConfig(temperature=0.0, thinking=False), **more)
        made = adapter.generate(QUESTION, config)
        return made.text, made.usage.completion_tokens if made.usage else 0

    (said, tokens), (longer, most) = asked(free), asked(held, max_tokens=300)
    assert said == short and tokens < 10
    assert longer.startswith(short) and longer != short and most >= 30
    assert goes_on(held, 30), "nobody said how long an answer may be"
    assert asked(held, min_tokens=0) == (said, tokens), "a request that says so decides itself"
    assert asked(held, stop=("🙂",))[0] == "Oui ", "what ends an answer by request ends it"
    assert asked(held, response_format=ChoiceFormat(("a", "b")))[0] in {"a", "b"}
    assert asked(held, tools=(TOOL,)) == asked(free, tools=(TOOL,))
