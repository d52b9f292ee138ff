"""Which text a token's log-probability goes out with; tokens are single bytes, whole tags or words."""

from __future__ import annotations

from collections.abc import Generator, Sequence

import pytest

from unified_intelligence.engine.answer import Reader, Rules
from unified_intelligence.engine.sampling import Chosen
from unified_intelligence.engine.text import TextOfTokens
from unified_intelligence.entities.generation import ReasoningDelta, TextDelta, TokenLogprob
from unified_intelligence.profiles.qwen3 import TAGS

WORDS = {300: b"<think>", 301: b"</think>", 302: b"\n\n", 303: b" un deux", 304: b""}
TEXT = "Ça 👩‍🚀 €\u2028ok\n"


def spell(tokens: Sequence[int]) -> str:
    return b"".join(WORDS[token] if token in WORDS else bytes([token]) for token in tokens).decode(errors="replace")


def told(tokens: Sequence[int | Chosen], rules: Rules, *, complete: bool = True) -> list[TextDelta]:
    """Each token's log-probability is its number in the answer, negated."""

    def chosen() -> Generator[Chosen, None, bool]:
        for number, token in enumerate(tokens):
            yield token if isinstance(token, Chosen) else Chosen(token, -float(number), ((token, -float(number)),))
        return complete

    events = Reader(TextOfTokens(spell), rules).read(chosen())
    return [event for event in events if isinstance(event, TextDelta)]


def numbers(delta: TextDelta) -> list[int]:
    return [-int(logprob.logprob) for logprob in delta.logprobs]


def texts(delta: TextDelta) -> str:
    return "".join(logprob.token for logprob in delta.logprobs)


def test_bytes_of_a_character_go_out_with_it() -> None:
    deltas = told(list(TEXT.encode()), Rules({}))
    assert "".join(delta.text for delta in deltas) == TEXT
    assert [number for delta in deltas for number in numbers(delta)] == list(range(len(TEXT.encode())))
    for delta in deltas:
        assert texts(delta) == delta.text
        assert len(delta.logprobs) == len(delta.text.encode())
        assert all(
            logprob.alternatives == (TokenLogprob(logprob.token, logprob.logprob),) for logprob in delta.logprobs
        )


def test_a_token_that_ends_one_character_and_begins_the_next_belongs_to_the_first() -> None:
    whole = "é€".encode()
    cuts = [whole[:1], whole[1:3], whole[3:]]
    reader = TextOfTokens(lambda tokens: b"".join(cuts[token] for token in tokens).decode(errors="replace"))
    shares: list[str] = []
    for token in range(3):
        shares.append(reader.share(token))
        reader.add(token)
    assert shares == ["", "é", "€"]
    assert reader.length == 2


@pytest.mark.parametrize("begins", ["text", "reasoning"])
def test_reasoning_and_tags_have_none(begins: str) -> None:
    opening = [300] if begins == "text" else []
    tokens = [*opening, *"hm ✓".encode(), 301, 302, *"ça".encode()]
    first = len(tokens) - 3
    deltas = told(tokens, Rules(TAGS, "reasoning" if opening == [] else "text"))
    assert [(delta.text, numbers(delta)) for delta in deltas] == [("ç", [first, first + 1]), ("a", [first + 2])]


def test_a_token_of_no_text_goes_with_the_next_character() -> None:
    rules = Rules({}, special={304: "<|special|>"})
    deltas = told([ord("a"), 304, ord("b"), 304], rules)
    assert [(delta.text, numbers(delta)) for delta in deltas] == [("a", [0]), ("b", [1, 2])]
    assert [logprob.token for logprob in deltas[1].logprobs] == ["<|special|>", "b"]


def test_what_may_be_a_stop_sequence_is_held_with_its_logprobs_and_cut_with_them() -> None:
    held = told(list(b"un fil"), Rules({}, stop=("fin",)))
    assert [(delta.text, numbers(delta)) for delta in held][3:] == [("fil", [3, 4, 5])]
    cut = told([*b"a", 303, *b"b"], Rules({}, stop=("deux",)))
    assert [(delta.text, numbers(delta)) for delta in cut] == [("a", [0]), (" un ", [1])]
    inside = told(list(b"oui fin"), Rules({}, stop=("fin",)))
    assert [number for delta in inside for number in numbers(delta)] == [0, 1, 2, 3]


def test_half_a_tag_is_held_with_its_logprobs() -> None:
    deltas = told(list(b"a <thi b"), Rules(TAGS))
    assert "".join(delta.text for delta in deltas) == "a <thi b"
    assert all(texts(delta) == delta.text for delta in deltas)
    assert [number for delta in deltas for number in numbers(delta)] == list(range(8))


def test_a_character_cut_off_at_the_end_has_none() -> None:
    deltas = told(list("a€".encode()[:-1]), Rules({}), complete=False)
    assert [(delta.text, numbers(delta)) for delta in deltas] == [("a", [0])]


def test_a_stop_sequence_means_nothing_within_the_least_tokens() -> None:
    text = "fin fin fin"
    for least in range(len(text) + 2):
        shown = "".join(delta.text for delta in told(list(text.encode()), Rules({}, stop=("fin",), least=least)))
        expected = next((at for at in (0, 4, 8) if at >= least), len(text))
        assert shown == text[:expected]


def test_a_forced_token_cuts_a_character_off_without_a_trace() -> None:
    tokens = [300, *"é€".encode()[:-1], Chosen(301, forced=True), Chosen(302, forced=True), *b"ok"]
    events = list(Reader(TextOfTokens(spell), Rules(TAGS)).read(_generator(tokens)))
    assert events == [ReasoningDelta("é"), TextDelta("o"), TextDelta("k")]


def _generator(tokens: Sequence[int | Chosen]) -> Generator[Chosen, None, bool]:
    yield from (token if isinstance(token, Chosen) else Chosen(token) for token in tokens)
    return True
