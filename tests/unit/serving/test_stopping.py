"""Answers that end at a stop sequence the generator has never heard of."""

from __future__ import annotations

import random

import pytest

from tests.unit.serving.scripted import Scripted, answer_for, cut_anywhere, events_for
from unified_intelligence.entities.generation import (
    Finished,
    GenerationConfig,
    Notice,
    ReasoningDelta,
    TextDelta,
    TokenLogprob,
    ToolCallDelta,
    Usage,
)

USAGE = Usage(3, 9)
TEXT = "Ça va,\u2028 merci 🙂\n\nSTOP et la suite\n"


def test_the_answer_ends_there_and_so_does_the_work() -> None:
    generator = Scripted([TextDelta(TEXT), *(TextDelta(f"{n} ") for n in range(100)), Finished("length", USAGE)])
    answer = answer_for(generator, GenerationConfig(stop=("\n\nSTOP", "jamais")))
    assert (answer.text, answer.finish_reason, answer.usage) == ("Ça va,\u2028 merci 🙂", "stop", None)
    assert answer.timings is not None and 0 < answer.timings.first_event <= answer.timings.total
    assert (generator.given, generator.ended) == (1, 1)
    assert generator.asked[0][1].stop == ()


def test_an_answer_without_it_is_unchanged() -> None:
    generator = Scripted([ReasoningDelta("STOP ?"), TextDelta("un ST"), TextDelta("O"), Finished("stop", USAGE)])
    answer = answer_for(generator, GenerationConfig(stop=("STOP",)))
    assert (answer.reasoning, answer.text, answer.usage) == ("STOP ?", "un STO", USAGE)


def test_what_was_held_back_stays_before_the_call() -> None:
    generator = Scripted([TextDelta("voici ST"), Notice("…"), ToolCallDelta(0, "c", "f", "{}"), Finished("tool_calls")])
    kinds = events_for(generator, GenerationConfig(stop=("STOP",)))
    assert kinds == [
        TextDelta("voici "), Notice("…"), TextDelta("ST"), ToolCallDelta(0, "c", "f", "{}"), Finished("tool_calls"),
    ]  # fmt: skip


def test_a_generator_that_knows_stop_sequences_is_left_alone() -> None:
    generator = Scripted([TextDelta("a STOP b"), Finished("stop")], honoured=frozenset({"stop"}))
    assert answer_for(generator, GenerationConfig(stop=("STOP",))).text == "a STOP b"
    assert generator.asked[0][1].stop == ("STOP",)


@pytest.mark.parametrize("seed", range(50))
def test_however_the_answer_is_cut(seed: int) -> None:
    chance = random.Random(seed)
    whole = [ReasoningDelta("Hm… STOP"), TextDelta(TEXT), Finished("stop", USAGE)]
    stop = chance.choice([("STOP",), ("\n\nSTOP et", "🙂\n\n"), ("🙂",), ("nirgends", "suite\n\n"), ("\u2028", "ST")])
    expected = answer_for(Scripted(whole), GenerationConfig(stop=stop))
    given = answer_for(Scripted(list(cut_anywhere(whole, chance))), GenerationConfig(stop=stop))
    assert (given.text, given.reasoning, given.finish_reason) == (expected.text, "Hm… STOP", "stop")
    assert not any(sequence in given.text for sequence in stop)


def test_probabilities_go_with_their_tokens() -> None:
    tokens = [TokenLogprob(token, -0.5) for token in ("Ça", " va", " ST", "OP", " bien")]
    generator = Scripted(
        [*(TextDelta(own.token, (own,)) for own in tokens), Finished("stop")], honoured=frozenset({"logprobs"})
    )
    cut = answer_for(generator, GenerationConfig(stop=("STOP",), logprobs=0))
    assert (cut.text, [own.token for own in cut.logprobs]) == ("Ça va ", ["Ça", " va"])
    whole = answer_for(generator, GenerationConfig(stop=("STOPP", "bienn"), logprobs=0))
    assert (whole.text, list(whole.logprobs)) == ("Ça va STOP bien", tokens)
