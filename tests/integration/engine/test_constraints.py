"""The state of one answer, by hand: what it allows, what it forces, what it reads, and that nothing is shared."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import asyncio
import importlib
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy
import pytest

from tests.tiny_qwen3 import build
from unified_intelligence.adapters.llm.transformers_adapter import TransformersAdapter
from unified_intelligence.engine import prompt
from unified_intelligence.engine.answer import Rules
from unified_intelligence.engine.constraints import Constraint, Grammars, bias_of
from unified_intelligence.engine.load import Loaded, load
from unified_intelligence.entities.errors import ConfigurationError, InvalidRequestError, ModelError
from unified_intelligence.entities.generation import ChoiceFormat, GenerationConfig, JsonFormat, RegexFormat
from unified_intelligence.entities.tools import ToolSpec
from unified_intelligence.profiles import qwen3

if TYPE_CHECKING:
    from unified_intelligence.entities.generation import ResponseFormat
    from unified_intelligence.entities.reasoning import Channel

TOOL = ToolSpec("météo", "", {"type": "object", "properties": {}, "additionalProperties": False}, strict=True)


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    return load(build(tmp_path_factory.mktemp("model")), dtype="auto", device="cpu")


def constraint(loaded: Loaded, begins: Channel = "text", **asked: object) -> Constraint:
    config = GenerationConfig(**asked)  # pyright: ignore[reportArgumentType]
    made = loaded.grammars.constraint(config, Rules(qwen3.TAGS, begins, exact=True), prompt.text_of(loaded))
    assert made is not None
    return made


def held(loaded: Loaded, form: ResponseFormat, begins: Channel = "text") -> Constraint:
    return constraint(loaded, begins, response_format=form)


def may_come(loaded: Loaded, state: Constraint) -> set[str]:
    allowed, size = state.allowed(), loaded.model.config.vocab_size
    possible = set(range(size) if allowed is None else numpy.flatnonzero(bias_of(allowed)[:size] == 0).tolist())
    return {loaded.tokenizer.convert_ids_to_tokens(token) for token in possible - set(state.barred)}


def say(loaded: Loaded, state: Constraint, text: str) -> None:
    for token in prompt.encode(loaded, text):
        state.take(token)


def text(loaded: Loaded, state: Constraint) -> str:
    return str(loaded.tokenizer.decode(list(state.forced())))


def test_only_what_leads_on_may_come_and_a_block_may_stand_before(loaded: Loaded) -> None:
    state = held(loaded, ChoiceFormat(("oui", "ouf", "non")))
    assert may_come(loaded, state) == {"o", "n", "<think>"}
    assert text(loaded, state) == ""
    say(loaded, state, "o")
    assert text(loaded, state) == "u"
    say(loaded, state, "u")
    assert may_come(loaded, state) == {"i", "f"}
    assert not state.complete
    say(loaded, state, "i")
    assert state.complete
    assert text(loaded, state) == ""
    with pytest.raises(ModelError, match="not asked for"):
        say(loaded, state, "x")


def test_the_end_may_come_where_the_form_is_complete_and_nowhere_else(loaded: Loaded) -> None:
    state = held(loaded, RegexFormat("a{2,3}"))
    ends = {"<|im_end|>", "<|endoftext|>"}
    say(loaded, state, "a")
    assert may_come(loaded, state) == {"a"}
    say(loaded, state, "a")
    assert may_come(loaded, state) == {"a"} | ends
    thinking = held(loaded, RegexFormat("a"), "reasoning")
    assert ends.isdisjoint(may_come(loaded, thinking))
    assert len(may_come(loaded, thinking)) == loaded.model.config.vocab_size - len(loaded.ends)


@pytest.mark.parametrize("begins", ["text", "reasoning"])
def test_a_block_is_read_to_its_end_and_a_break_is_forced_behind_it(loaded: Loaded, begins: Channel) -> None:
    state = held(loaded, ChoiceFormat(("oui", "non")), begins)
    say(loaded, state, ("<think>" if begins == "text" else "") + "Hmm 🤔 <tool_call> oui")
    assert state.forced() == []
    assert not state.complete
    say(loaded, state, "</think>")
    assert text(loaded, state) == "\n\n"
    say(loaded, state, "\n\n")
    assert may_come(loaded, state) == {"o", "n"}


def test_a_closing_tag_that_is_spelled_closes_too(loaded: Loaded) -> None:
    """As whoever splits the answer sees it, newlines of the last token included."""
    state = held(loaded, ChoiceFormat(("oui", "non")), "reasoning")
    for byte in "ah</think>":
        state.take(loaded.tokenizer.convert_tokens_to_ids(byte))
    assert text(loaded, state) == "\n\n"


def test_a_call_is_forced_but_for_what_is_left_to_choose(loaded: Loaded) -> None:
    state = constraint(loaded, tools=(TOOL,), tool_choice="required", thinking=False)
    assert (
        prompt.decode(loaded, list(state.forced())) == '<tool_call>\n{"name": "météo", "arguments": {}}\n</tool_call>'
    )
    for token in state.forced():
        state.take(token)
    assert may_come(loaded, state) == {"Ċ", "<|im_end|>", "<|endoftext|>"}
    single = constraint(loaded, tools=(TOOL,), tool_choice="required", thinking=False, parallel_tool_calls=False)
    for token in single.forced():
        single.take(token)
    assert single.complete


def test_text_before_a_strict_call_spells_no_tag(loaded: Loaded) -> None:
    state = constraint(loaded, tools=(TOOL,), thinking=False)
    for byte in "a <tool_call":
        state.take(loaded.tokenizer.convert_tokens_to_ids(byte.replace(" ", "Ġ")))
    assert ">" not in may_come(loaded, state)
    assert {"b", "<tool_call>", "<|im_end|>"} <= may_come(loaded, state)
    state.take(loaded.tokenizer.convert_tokens_to_ids("<tool_call>"))
    assert text(loaded, state).startswith('\n{"name": "météo"')


def test_nothing_is_asked_where_nothing_was_asked_for(loaded: Loaded) -> None:
    rules = Rules(qwen3.TAGS)
    loose = ToolSpec("a", "", {"type": "object"})
    for config in (GenerationConfig(), GenerationConfig(tools=(loose,)), GenerationConfig(tool_choice="none")):
        assert loaded.grammars.constraint(config, rules, prompt.text_of(loaded)) is None


def test_a_model_without_calls_in_its_template_can_be_held_to_none(loaded: Loaded) -> None:
    config = GenerationConfig(tools=(TOOL,), tool_choice="required")
    with pytest.raises(InvalidRequestError, match="template"):
        loaded.grammars.constraint(config, Rules({}), prompt.text_of(loaded))


def test_a_loaded_model_waits_for_no_vocabulary_to_be_read(loaded: Loaded) -> None:
    adapter = TransformersAdapter(model=str(loaded.model.name_or_path), threads=1)
    asyncio.run(adapter.aload())
    assert adapter._ready().loaded.grammars._built is not None
    adapter.close()


def test_a_tokenizer_that_cannot_be_read_is_told_of_where_a_form_is_asked_for(loaded: Loaded) -> None:
    library: Any = importlib.import_module("tokenizers")
    words = library.Tokenizer(library.models.WordLevel({"un": 0, "deux": 1}, unk_token="un"))
    tokenizer: Any = importlib.import_module("transformers").PreTrainedTokenizerFast(tokenizer_object=words)
    grammars = Grammars(tokenizer, {1}, 2)
    grammars.prepare()
    config = GenerationConfig(response_format=RegexFormat("a+"))
    with pytest.raises(ConfigurationError, match="cannot be constrained"):
        grammars.constraint(config, Rules(qwen3.TAGS), prompt.text_of(loaded))


def test_two_states_of_one_request_share_nothing(loaded: Loaded) -> None:
    form = JsonFormat({"type": "object", "properties": {"a": {"enum": [1, 23]}}, "required": ["a"]}, strict=True)
    one, other = held(loaded, form), held(loaded, form)
    say(loaded, one, '{"a": 2')
    assert may_come(loaded, one) == {"3"}
    assert may_come(loaded, other) == {"{", "<think>"}
    say(loaded, other, '{"a": 1')
    assert may_come(loaded, one) == {"3"}
    with pytest.raises(ModelError):
        say(loaded, other, "x")
    say(loaded, one, "3")
    assert not one.complete


@pytest.fixture(scope="module")
def spelling(loaded: Loaded) -> Loaded:
    """The same model with a vocabulary that has no token for any tag."""
    fields = json.loads(loaded.tokenizer.backend_tokenizer.to_str())
    fields["added_tokens"] = [added for added in fields["added_tokens"] if added["special"]]
    library: Any = importlib.import_module("transformers")
    tokenizer = library.PreTrainedTokenizerFast(
        tokenizer_object=importlib.import_module("tokenizers").Tokenizer.from_str(json.dumps(fields)),
        eos_token="<|im_end|>",
    )
    size = loaded.model.config.vocab_size
    return replace(loaded, tokenizer=tokenizer, grammars=Grammars(tokenizer, loaded.ends, size))


def test_tags_without_a_token_are_spelled(spelling: Loaded) -> None:
    state = constraint(spelling, tools=(TOOL,), tool_choice="required")
    assert may_come(spelling, state) == {"<"}
    say(spelling, state, "<")
    assert may_come(spelling, state) == {"t"}
    say(spelling, state, "t")
    assert may_come(spelling, state) == {"h", "o"}
    say(spelling, state, "o")
    assert text(spelling, state) == 'ol_call>\n{"name": "météo", "arguments": {}}\n</tool_call>'
    thinking = constraint(spelling, tools=(TOOL,), tool_choice="required")
    say(spelling, thinking, "<think>Hmm <tool_call>")
    assert thinking.forced() == []
    say(spelling, thinking, "</think>")
    assert text(spelling, thinking).startswith("\n\n<tool_call>\n{")
    free = constraint(spelling, tools=(TOOL,), thinking=False)
    say(spelling, free, "é <tool_cal <tool_call>")
    assert text(spelling, free).startswith('\n{"name": "météo"')
    assert "<|im_end|>" not in may_come(spelling, free)
