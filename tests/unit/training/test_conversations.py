"""A conversation of the training is what the program would show the model, and what it would write for its choices."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

import numpy as np
import pytest

from training.embedded import built_in_examples, unseen_tools
from training.embedded.conversations import END, MODEL, Conversation, Mixture, conversations, of_built_in, of_unseen
from unified_intelligence.embedded.calls import NO_CALL, call_text, decide
from unified_intelligence.embedded.forward import Cache, Qwen3Forward, Shape
from unified_intelligence.embedded.functions import Function, built_in_function, function_of_spec
from unified_intelligence.embedded.reading import Reading
from unified_intelligence.embedded.router import FOLDER, Settings
from unified_intelligence.embedded.tokens import Tokens
from unified_intelligence.tools.registry import BUILT_IN


class _Recites(Qwen3Forward):
    """A model that has learnt one conversation by heart: of the next token it is sure, of all else it knows nothing."""

    def __init__(self, tokens: Sequence[int]) -> None:
        self.shape = Shape(1, 1, 1, 2, 1e-6, 1e4, 4096)
        self._tokens = tokens

    def step(self, tokens: Sequence[int], cache: Cache) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
        cache.length += len(tokens)
        logits = np.zeros(8192, np.float32)
        if cache.length < len(self._tokens):
            logits[self._tokens[cache.length]] = 9.0
        return logits


@pytest.fixture(scope="module")
def tokens() -> Tokens:
    return Tokens.load(FOLDER)


def written_as_learnt(
    tokens: Tokens, made: Conversation, functions: Sequence[Function], reading: Reading
) -> tuple[bool, str]:
    model = _Recites(tokens.encode(made.prompt) + tokens.encode(made.completion))
    decision = decide(model, tokens, made.prompt, functions, reading)
    if made.completion == NO_CALL + END:
        return decision.score < 0, reading.text
    learnt, call = made.completion.removesuffix(END), decision.call
    if call is None:
        return False, f"{reading.text}: no call"
    same = call_text(call.function.label, call.literals) == learnt
    return same and decision.score > 0, f"{reading.text}: {call.literals} for {learnt}"


def test_the_prompt_of_a_built_in_question_is_the_routers() -> None:
    settings = Settings.read(FOLDER)
    for example in islice(built_in_examples.examples(3), 30):
        assert of_built_in(example).prompt == settings.before + example.reading.text + settings.after


def test_a_built_in_call_is_written_as_it_was_learnt(tokens: Tokens) -> None:
    """Where nothing the tool needs is left out: what the question lacks the decoder may seek elsewhere in it."""
    functions = list(map(built_in_function, BUILT_IN))
    needed = {function.name: {f.label for f in function.fields if f.required} for function in functions}
    told = [
        written_as_learnt(tokens, of_built_in(example), functions, example.reading)
        for example in islice(built_in_examples.examples(3), 300)
        if needed.get(str(example.function), set()) <= set(example.literals)
    ]
    assert sum(same for same, _ in told) >= 0.99 * len(told), [text for same, text in told if not same]


def test_a_call_of_a_users_tool_is_written_as_it_was_learnt(tokens: Tokens) -> None:
    """But for few: a text that begins or ends with a small word cannot be copied."""
    told: list[tuple[bool, str]] = []
    for example in islice(unseen_tools.examples(3), 250):
        if made := of_unseen(example):
            reading = Reading.of(example.query, example.language)
            told.append(written_as_learnt(tokens, made, [function_of_spec(spec) for spec in example.tools], reading))
    assert sum(same for same, _ in told) >= 0.95 * len(told), [text for same, text in told if not same]


def test_same_seed_same_conversations_and_the_mixture_is_kept() -> None:
    mixture = Mixture(unseen=0.5, none=0.2)
    made = list(islice(conversations(5, mixture), 120))
    assert list(islice(conversations(5, mixture), 120)) == made
    over_tools = sum("<|im_start|>system" in one.prompt for one in made)
    assert 40 < over_tools < 80
    assert not any("<|im_start|>system" in one.prompt for one in islice(conversations(5, Mixture(unseen=0.0)), 50))
    assert all(one.completion.endswith(END) for one in made)


def test_the_template_is_the_packages() -> None:
    assert MODEL.resolve() == FOLDER.resolve()
