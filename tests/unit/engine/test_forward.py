"""Both forward passes beside one pass of Transformers, whatever the pieces, the slots and their moves."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import copy
from random import Random
from typing import Any

import pytest
import torch

from tests.unit.engine.tiny_models import LINEAR, LLAMA3, LONGEST, VOCABULARY, YARN, logits_of, tiny
from unified_intelligence.engine.forward import Forward, Piece
from unified_intelligence.engine.fused import FusedForward
from unified_intelligence.engine.place import Quantization
from unified_intelligence.engine.plain import PlainForward

FUSED: dict[str, Any] = {
    "qwen3": lambda: tiny("Qwen3"),
    "qwen3, heads alone, tied": lambda: tiny("Qwen3", heads=(4, 4), tied=True),
    "qwen3, four on one": lambda: tiny("Qwen3", heads=(4, 1)),
    "qwen3, with biases": lambda: tiny("Qwen3", attention_bias=True),
    "qwen2": lambda: tiny("Qwen2", heads=(4, 1), head_dim=8),
    "qwen2, tied": lambda: tiny("Qwen2", tied=True, hidden_size=64),
    "llama": lambda: tiny("Llama"),
    "llama 3": lambda: tiny("Llama", tied=True, rope_parameters=LLAMA3),
    "llama, linear": lambda: tiny("Llama", rope_parameters=LINEAR),
    "llama, with biases": lambda: tiny("Llama", heads=(4, 4), attention_bias=True, mlp_bias=True),
    "qwen3, yarn": lambda: tiny("Qwen3", rope_parameters=YARN),
    "mistral": lambda: tiny("Mistral", sliding_window=None),
    "mistral, wide heads": lambda: tiny("Mistral", sliding_window=None, head_dim=16),
}
SLOTS, ROOM = 6, 200  # of which none is filled further: pages end in the middle of pieces
SLIDING: dict[str, Any] = {
    "mistral": lambda: tiny("Mistral", sliding_window=8),
    "qwen2": lambda: tiny("Qwen2", use_sliding_window=True, sliding_window=8, max_window_layers=1),
    "gemma 3": lambda: tiny("Gemma3Text", sliding_window=8, query_pre_attn_scalar=8),
}


def fused(model: Any) -> Forward:
    return FusedForward(model, longest=LONGEST)


PASSES = {"fused": fused, "plain": PlainForward}


class Kept:
    """What the slots of a forward pass should hold, beside it."""

    def __init__(self, forward: Forward, model: Any, random: Random) -> None:
        self.forward, self.model, self.random = forward, model, random
        self.texts: dict[int, list[int]] = {}

    def read_some(self) -> None:
        slots = self.random.sample(range(SLOTS), self.random.randint(1, SLOTS))
        pieces = [self._piece(slot) for slot in slots]
        with torch.inference_mode():
            got = self.forward.read(pieces)
        expected = list[torch.Tensor]()
        for piece in pieces:
            text = self.texts[piece.slot]
            expected.append(logits_of(self.model, text)[len(text) - piece.wanted :])
        torch.testing.assert_close(got, torch.cat(expected), rtol=2e-4, atol=2e-4)

    def _piece(self, slot: int) -> Piece:
        random, text = self.random, self.texts.setdefault(slot, [])
        room = ROOM - len(text)
        if room < 1 or (text and self.forward.rewinds and random.random() < 0.3):
            del text[random.randrange(len(text)) if self.forward.rewinds else 0 :]
            room = ROOM - len(text)
        size = min(room, random.choice([1, 1, 1, 2, 5, 16, 17, 40]))
        new = [random.randrange(VOCABULARY) for _ in range(size)]
        start = len(text)
        text += new
        return Piece(slot, start, new, random.choice([0, 1, 1, size, random.randint(0, size)]))

    def copy_one(self) -> None:
        held = [slot for slot, text in self.texts.items() if text]
        if not held:
            return
        source = self.random.choice(held)
        target = self.random.choice([slot for slot in range(SLOTS) if slot != source])
        length = self.random.randint(1, len(self.texts[source]))
        with torch.inference_mode():
            self.forward.copy(source, target, length)
        self.texts[target] = self.texts[source][:length]

    def cut_one(self) -> None:
        slot = self.random.randrange(SLOTS)
        text = self.texts.setdefault(slot, [])
        length = self.random.choice([0, self.random.randint(0, len(text))])
        with torch.inference_mode():
            self.forward.cut(slot, length, unsound=self.random.random() < 0.5)
        del text[length:]

    def forget_all(self) -> None:
        with torch.inference_mode():
            self.forward.forget()
        assert not self.forward.held
        self.texts = {}

    def turn_over(self) -> None:
        more = [self.forget_all] if self.random.random() < 0.1 else []
        self.random.choice([self.copy_one, self.copy_one, self.cut_one, *more])()


@pytest.mark.parametrize("way", PASSES)
@pytest.mark.parametrize("kind", FUSED)
def test_pieces_cut_at_random_in_slots_that_share_have_the_logits_of_one_pass(kind: str, way: str) -> None:
    model = FUSED[kind]()
    kept = Kept(PASSES[way](copy.deepcopy(model)), model, Random(f"{kind} {way}"))
    for _ in range(12):
        kept.read_some()
        kept.read_some()
        kept.turn_over()


@pytest.mark.parametrize("kind", SLIDING)
def test_a_window_that_slides_is_never_rewound_and_read_right(kind: str) -> None:
    model = SLIDING[kind]()
    kept = Kept(PlainForward(copy.deepcopy(model)), model, Random(kind))
    assert not kept.forward.rewinds
    for _ in range(12):
        kept.read_some()


@pytest.mark.parametrize("way", PASSES)
def test_states_are_those_before_the_head_and_touch_no_slot(way: str) -> None:
    model = tiny("Qwen3")
    forward = PASSES[way](copy.deepcopy(model))
    texts = [[1, 2, 3], [5], list(range(90)), [7] * 17]
    with torch.inference_mode():
        forward.read([Piece(0, 0, [9, 8, 7])])
        for text, got in zip(texts, forward.states(texts), strict=True):
            expected = model.model(input_ids=torch.tensor([text]), use_cache=False).last_hidden_state[0]
            torch.testing.assert_close(got, expected, rtol=2e-4, atol=2e-4)
        got = forward.read([Piece(0, 3, [6])])
    torch.testing.assert_close(got[0], logits_of(model, [9, 8, 7, 6])[-1], rtol=2e-4, atol=2e-4)


@pytest.mark.parametrize("quantization", ["none", "int8", "int4"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_piece_of_which_nothing_is_wanted_has_no_logits(quantization: Quantization, dtype: torch.dtype) -> None:
    model = tiny("Qwen3", hidden_size=128, intermediate_size=128).to(dtype)
    forward = FusedForward(model, longest=LONGEST, quantization=quantization)
    with torch.inference_mode():
        assert forward.read([Piece(0, 0, [1, 2, 3], 0), Piece(1, 0, [4], 0)]).shape == (0, VOCABULARY)


@pytest.mark.parametrize("way", PASSES)
def test_one_row_of_no_numbers_leaves_the_others_their_numbers(way: str) -> None:
    """A token whose embedding overflowed: its own row is spoilt, and its slot until it is cleared."""
    model = tiny("Llama")
    expected = logits_of(model, [1, 2, 3, 4])
    spoilt = copy.deepcopy(model)
    with torch.no_grad():
        spoilt.model.embed_tokens.weight[50] = float("nan")
    forward = PASSES[way](spoilt)
    with torch.inference_mode():
        forward.read([Piece(0, 0, [1, 2], 1), Piece(1, 0, [1, 50], 1), Piece(2, 0, [1, 2], 1)])
        got = forward.read([Piece(0, 2, [3]), Piece(1, 2, [3]), Piece(2, 2, [3])])
        assert torch.isnan(got[1]).all()
        torch.testing.assert_close(got[[0, 2]], expected[[2, 2]], rtol=2e-4, atol=2e-4)
        forward.cut(1, unsound=True)
        forward.read([Piece(1, 0, [1], 0)])
        got = forward.read([Piece(slot, start, [4 if start == 3 else 2]) for slot, start in ((0, 3), (1, 1), (2, 3))])
    torch.testing.assert_close(got, expected[[3, 1, 3]], rtol=2e-4, atol=2e-4)


def test_what_is_no_number_is_wiped_out_of_a_page_that_somebody_shared() -> None:
    """The one who spoilt it leaves first: the rest of the page would come to whoever shares its beginning."""
    model = tiny("Llama")
    expected = logits_of(model, [1, 2, 3, 4, 5])
    with torch.no_grad():
        model.model.embed_tokens.weight[50] = float("nan")
    forward = fused(model)
    with torch.inference_mode():
        forward.read([Piece(0, 0, [1, 2, 3])])
        forward.read([Piece(0, 3, [50, 50])])
        forward.copy(0, 1, 3)
        forward.cut(0, unsound=True)
        got = forward.read([Piece(1, 3, [4])])
        torch.testing.assert_close(got[0], expected[3], rtol=2e-4, atol=2e-4)
        forward.read([Piece(2, 0, [50])])
        forward.cut(2, unsound=True)
        forward.read([Piece(3, 0, [1])])
        got = forward.read([Piece(3, 1, [2]), Piece(1, 4, [5])])
    torch.testing.assert_close(got, expected[[1, 4]], rtol=2e-4, atol=2e-4)
