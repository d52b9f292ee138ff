"""Guesses: where they come from, how many are worth reading, and that no answer shows whether there were any."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import pytest
import torch

from tests.tiny_qwen3 import build
from unified_intelligence.engine.decode import Plan, Writing, run
from unified_intelligence.engine.draft import DraftModel, check_same_vocabulary
from unified_intelligence.engine.engine import Engine
from unified_intelligence.engine.forward import Forward, Piece
from unified_intelligence.engine.fused import FusedForward
from unified_intelligence.engine.load import Loaded, load
from unified_intelligence.engine.plain import PlainForward
from unified_intelligence.engine.speculation import MOST, Asked, Drafter, Price, PromptLookup, Speculation
from unified_intelligence.entities.errors import ConfigurationError, ModelError
from unified_intelligence.profiles.sampling import Sampling

if TYPE_CHECKING:
    from pathlib import Path

    from unified_intelligence.engine.ticket import Ticket

FREE, DEAR = Price(1.0, 0.0, 0.0), Price(1.0, 1.0, 1.0)
CPU = torch.device("cpu")


def asked(tokens: Sequence[int], most: int = MOST, key: int = 0) -> Asked:
    return Asked(key, tokens, most, len(tokens) + 100)


def looked_up(tokens: Sequence[int], most: int = MOST) -> list[int]:
    return list(PromptLookup().propose([asked(tokens, most)])[0])


def test_what_followed_the_same_tokens_is_expected_again() -> None:
    assert looked_up([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 2, 3]) == [4, 5, 6, 7, 8, 9, 10, 11]
    assert looked_up([1, 2, 3, 4, 5, 2, 3], 2) == [4, 5]
    assert looked_up([1, 2, 3, 4, 5, 3]) == []
    assert looked_up([1]) == []


def test_the_longest_match_counts_then_the_latest() -> None:
    assert looked_up([7, 1, 2, 50, 9, 1, 2, 60, 7, 1, 2], 1) == [50]
    assert looked_up([7, 1, 2, 50, 9, 1, 2, 60, 5, 1, 2], 1) == [60]


def test_what_repeats_itself_goes_on_repeating() -> None:
    assert looked_up([9, 4, 5, 6, 4, 5, 6, 4, 5]) == [6, 4, 5, 6, 4, 5, 6, 4]
    assert looked_up([9, 3, 3, 3]) == [3] * MOST


class Reads(list[int]):
    """Counts how often somebody looks at one of its tokens."""

    looks = 0

    def __getitem__(self, at: Any) -> Any:
        self.looks += 1 if isinstance(at, int) else len(range(*at.indices(len(self))))
        return super().__getitem__(at)


def test_a_step_reads_only_what_is_new() -> None:
    lookup, source = PromptLookup(), random.Random(3)
    tokens = Reads(source.randrange(40) for _ in range(3000))
    lookup.propose([asked(tokens)])
    begun = tokens.looks
    for _ in range(100):
        tokens.append(source.randrange(40))
        lookup.propose([asked(tokens)])
    assert begun > 3000
    assert tokens.looks - begun < 100 * 40


def test_answers_do_not_look_into_each_other_and_are_forgotten() -> None:
    lookup = PromptLookup()
    first, second = asked([1, 2, 3, 1, 2], key=1), asked([8, 9, 1, 2], key=2)
    assert [list(found) for found in lookup.propose([first, second])] == [[3, 1, 2, 3, 1, 2, 3, 1], []]
    lookup.forget(1)
    lookup.forget(77)
    assert lookup.propose([asked([1, 2], key=1)]) == [()]


class Always(Drafter):
    """Guesses zeros."""

    said = "zeros"

    def __init__(self) -> None:
        self.forgotten: list[int] = []

    def propose(self, asked: Sequence[Asked]) -> list[Sequence[int]]:
        return [[0] * one.most for one in asked]

    def forget(self, key: int) -> None:
        self.forgotten.append(key)

    def clear(self) -> None:
        self.forgotten.clear()


def lengths(speculation: Speculation, rows: int, most: int = MOST) -> list[int]:
    return [len(found) for found in speculation.guesses([asked([1], most, key) for key in range(rows)])]


def test_refused_guesses_become_fewer_and_come_again_after_a_while() -> None:
    speculation = Speculation(Always(), Price(1.0, 0.1, 0.1), together=True)
    assert lengths(speculation, 1)[0] >= 2
    for _ in range(20):
        speculation.note(0, 0, refused=True)
    assert lengths(speculation, 1) == [0]
    waited = next(step for step in range(1000) if lengths(speculation, 1)[0])
    assert 5 <= waited < 200


def test_guesses_that_are_right_become_more() -> None:
    speculation = Speculation(Always(), Price(1.0, 0.1, 0.1), together=True)
    before = lengths(speculation, 1)[0]
    for _ in range(20):
        speculation.note(0, before, refused=False)
    assert before < lengths(speculation, 1)[0] == MOST


def test_many_answers_are_guessed_on_less_than_one_and_a_dear_token_never() -> None:
    price = Price(1.0, 0.05, 0.2)
    alone, crowd = (lengths(Speculation(Always(), price, together=True), rows) for rows in (1, 32))
    assert sum(alone) > sum(crowd) == 0
    assert lengths(Speculation(Always(), price, together=False), 32) == alone * 32
    assert lengths(Speculation(Always(), DEAR, together=False), 1) == [0]


def test_the_answer_whose_guesses_are_right_gets_them() -> None:
    speculation = Speculation(Always(), Price(1.0, 0.1, 0.1), together=True)
    for _ in range(10):
        speculation.note(0, 0, refused=True)
        speculation.note(1, 2, refused=False)
    few, many = lengths(speculation, 2)
    assert few == 0 < many
    assert lengths(speculation, 2, most=1) == [0, 1]


class Breaking(Always):
    def propose(self, asked: Sequence[Asked]) -> list[Sequence[int]]:
        raise ModelError("The memory is used up.")


def test_a_drafter_that_breaks_is_asked_no_more() -> None:
    speculation = Speculation(Breaking(), FREE, together=False)
    assert lengths(speculation, 3) == [0, 0, 0]
    assert lengths(speculation, 1) == [0]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("large"))


def loaded(folder: Path) -> Loaded:
    return load(folder, dtype="float32", device="cpu")


@pytest.fixture(scope="module")
def model(folder: Path) -> FusedForward:
    return FusedForward(loaded(folder).model, longest=1024)


class Counted(FusedForward):
    """The same model, which says what it was given to read."""

    def __init__(self, model: FusedForward) -> None:
        vars(self).update(vars(model))
        self.steps: list[Sequence[Piece]] = []

    def read(self, pieces: Sequence[Piece]) -> torch.Tensor:
        self.steps.append(pieces)
        return super().read(pieces)

    @property
    def guesses(self) -> int:
        return sum(max(0, piece.wanted - 1) for pieces in self.steps for piece in pieces)


def written(forward: Forward, plans: Sequence[Plan], speculation: Speculation | None, slots: int = 4) -> Any:
    """The tokens of each, and whether it ended its turn."""
    engine = Engine(forward, slots=slots, memory=4096, queue=100, speculation=speculation)
    tickets = [engine.submit(Writing(plan, None, CPU)) for plan in plans]
    answers = [taken(ticket) for ticket in tickets]
    engine.close()
    return answers


def taken(ticket: Ticket) -> tuple[list[int], bool]:
    tokens, come = list[int](), ticket.tokens()
    while True:
        try:
            tokens.append(next(come).token)
        except StopIteration as end:
            return tokens, end.value


def plans(count: int) -> list[Plan]:
    source = random.Random(count)
    greedy, drawn = Sampling(0.0), Sampling(0.8, top_p=0.9, top_k=20)
    punished = Sampling(0.3, presence_penalty=0.7, repetition_penalty=1.2)
    return [
        Plan(
            [source.randrange(200) for _ in range(source.randint(1, 60))],
            source.choice([1, 2, 9, 40]),
            frozenset(source.sample(range(200), 3)),
            source.choice([greedy, drawn, punished]),
            seed,
            logprobs=source.choice([None, None, 2]),
        )
        for seed in range(count)
    ]


class HalfRight(Always):
    """Knows the answers, and tells now and then something else."""

    def __init__(self, answers: dict[tuple[int, ...], list[int]]) -> None:
        super().__init__()
        self._answers, self._source = answers, random.Random(1)

    def propose(self, asked: Sequence[Asked]) -> list[Sequence[int]]:
        return [self._told(list(one.tokens), one.most) for one in asked]

    def _told(self, tokens: list[int], most: int) -> list[int]:
        for prompt, answer in self._answers.items():
            if tuple(tokens[: len(prompt)]) == prompt:
                coming = answer[len(tokens) - len(prompt) :][: self._source.randint(0, most)]
                return [one if self._source.random() < 0.8 else self._source.randrange(200) for one in coming]
        raise AssertionError


@pytest.mark.parametrize("slots", [1, 8])
def test_answers_are_the_same_whatever_is_guessed(model: FusedForward, slots: int) -> None:
    wanted = plans(60)
    answers = written(model, wanted, None, slots)
    known = {tuple(plan.prompt): tokens for plan, (tokens, _) in zip(wanted, answers, strict=True)}
    drafter, counted = HalfRight(known), Counted(model)
    assert written(counted, wanted, Speculation(drafter, FREE, together=False), slots) == answers
    assert counted.guesses > 300
    assert not drafter.forgotten  # the engine was closed: there is nothing left to remember


class Poisonous(Always):
    """Guesses a token whose reading gives no number."""

    def propose(self, asked: Sequence[Asked]) -> list[Sequence[int]]:
        return [[250] * one.most if len(one.tokens) > 20 else [1] * one.most for one in asked]


@pytest.mark.parametrize("kind", [FusedForward, PlainForward])
def test_a_guess_that_is_no_number_spoils_nothing(folder: Path, kind: Any) -> None:
    whole: Any = loaded(folder).model
    with torch.no_grad():
        whole.get_input_embeddings().weight[250] = float("nan")
    forward = PlainForward(whole) if kind is PlainForward else FusedForward(whole, longest=1024)
    wanted = [Plan([seed + 3, 8, 9], 40, frozenset({250}), Sampling(0.7), seed) for seed in range(6)]
    answers = written(forward, wanted, None, 2)
    assert any(len(tokens) == 40 for tokens, _ in answers)
    assert written(forward, wanted, Speculation(Poisonous(), FREE, together=False), 2) == answers


def test_nothing_is_read_beyond_what_an_answer_may_have(model: FusedForward) -> None:
    counted, longest = Counted(model), 30 + 12
    plan = Plan([5, 6, 7] * 10, 12, frozenset(), Sampling(0.0), 0)
    written(counted, [plan], Speculation(Always(), FREE, together=False))
    assert counted.guesses
    assert max(piece.end for pieces in counted.steps for piece in pieces) < longest


def test_a_cancelled_answer_leaves_no_slot_and_no_memory_of_it(model: FusedForward) -> None:
    drafter = Always()
    speculation = Speculation(drafter, FREE, together=False)
    engine = Engine(model, slots=1, memory=600, queue=100, speculation=speculation)
    endless = Plan([1, 2, 3], 500, frozenset(), Sampling(0.0), 0)
    for _ in range(5):
        tokens = engine.submit(Writing(endless, None, CPU)).tokens()
        next(tokens)
        tokens.close()
    assert len(taken(engine.submit(Writing(Plan([1, 2], 500, frozenset(), Sampling(0.0), 0), None, CPU)))[0]) == 500
    assert drafter.forgotten == list(range(6))
    engine.close()


def draft_of(folder: Path, **changed: int) -> tuple[DraftModel, Counted]:
    small = loaded(folder)
    forward = Counted(FusedForward(small.model, longest=1024))
    room = {"size": len(small.tokenizer), "slots": 4, "memory": 4096, "longest": 1024} | changed
    return DraftModel(forward, **room, cost=0.0), forward


def test_a_draft_that_is_the_model_itself_is_always_right(folder: Path, model: FusedForward) -> None:
    wanted = [Plan([seed + 3, 8, 9, *range(seed)], 40, frozenset(), Sampling(0.0), 0) for seed in range(6)]
    alone, helped = Counted(model), Counted(model)
    answers = written(alone, wanted, None)
    drafter, _ = draft_of(folder)
    assert written(helped, wanted, Speculation(drafter, FREE, together=False)) == answers
    assert len(helped.steps) * 4 < len(alone.steps)


def test_another_model_as_a_draft_changes_no_answer(tmp_path: Path, model: FusedForward) -> None:
    wanted = plans(30)
    drafter, small = draft_of(build(tmp_path, seed=5), memory=300)
    helped = Counted(model)
    assert written(helped, wanted, Speculation(drafter, FREE, together=False)) == written(model, wanted, None)
    assert helped.guesses > 30
    assert small.steps


def greedy_by(forward: FusedForward, tokens: Sequence[int], count: int) -> list[int]:
    tokens = list(tokens)
    forward.forget()
    for _ in range(count):
        tokens.append(int(run(forward.read, pieces=[Piece(0, 0, tokens)])[0].argmax()))
    return tokens[-count:]


def test_a_draft_follows_what_was_drawn_instead_of_its_guesses(folder: Path, model: FusedForward) -> None:
    drafter, _ = draft_of(folder)
    source, texts = random.Random(4), [[1, 2, 3], [9, 8], [7] * 300]
    for _ in range(12):
        keyed = [Asked(key, text, source.randint(1, 5), 1000) for key, text in enumerate(texts)]
        for one, guesses in zip(keyed, drafter.propose(keyed), strict=True):
            assert guesses == (greedy_by(model, one.tokens, one.most) if guesses else [])
            texts[one.key] += [*guesses[: source.randint(0, 5)], source.randrange(200)]


def test_a_draft_without_room_has_no_idea_until_there_is_some(folder: Path) -> None:
    drafter, _ = draft_of(folder, slots=1, longest=500)
    assert len(drafter.propose([Asked(0, [1, 2], 3, 100)])[0]) == 3
    assert drafter.propose([Asked(1, [1, 2], 3, 100), Asked(2, [4], 3, 501)]) == [[], []]
    drafter.forget(0)
    assert len(drafter.propose([Asked(1, [1, 2], 3, 100)])[0]) == 3


def test_a_draft_of_another_vocabulary_is_refused(folder: Path, tmp_path: Path) -> None:
    other = loaded(build(tmp_path, pieces=("ab",)))
    with pytest.raises(ConfigurationError, match="another vocabulary"):
        check_same_vocabulary(loaded(folder).tokenizer, other.tokenizer)


def test_the_price_of_a_token_is_measured(model: FusedForward) -> None:
    price = Price.measured(model)
    assert price.seconds > 0
    assert 1 == price(1) <= price(8) <= price(32) < 100
    assert not model.held
    assert price.many >= price.few


@pytest.mark.parametrize(("tokens", "passes"), [(1, 1.0), (8, 1.7), (10, 2.7)])
def test_the_price_of_a_pass_grows_faster_when_it_is_long(tokens: int, passes: float) -> None:
    price: Callable[[int], float] = Price(0.1, 0.1, 0.5)
    assert price(tokens) == pytest.approx(passes)
