"""Steps in shapes that stay, as they are and recorded, beside one pass of Transformers."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import pytest
import torch

from tests.integration.engine.tape import Work, taped
from tests.integration.engine.test_forward import ROOM, Kept
from tests.integration.engine.test_start import started
from tests.integration.engine.tiny_models import LONGEST, VOCABULARY, logits_of, tiny
from unified_intelligence.engine import compiled
from unified_intelligence.engine.forward import Piece
from unified_intelligence.engine.fused import FusedForward
from unified_intelligence.engine.pages import PAGE, Places
from unified_intelligence.engine.place import Quantization
from unified_intelligence.engine.recorded import Graphs
from unified_intelligence.engine.steady import MOST, Steady
from unified_intelligence.entities.errors import ConfigurationError

KINDS: dict[str, Callable[[], Any]] = {
    "qwen3": lambda: tiny("Qwen3"),
    "qwen3, four on one, tied": lambda: tiny("Qwen3", heads=(4, 1), tied=True),
    "qwen2": lambda: tiny("Qwen2"),
    "llama, with biases": lambda: tiny("Llama", heads=(4, 4), attention_bias=True, mlp_bias=True),
}
WAYS = ["at once", "recorded"]


def steady(model: Any, way: str) -> FusedForward:
    if way == "recorded":
        return taped(model, LONGEST)[0]
    forward = FusedForward(model, longest=LONGEST)
    forward.steadily()
    return forward


class Singles(Kept):
    """Nearly all steps read one token of each slot that has any; the rest are prompts."""

    def _piece(self, slot: int) -> Piece:
        text = self.texts.get(slot, [])
        if not text or len(text) >= ROOM or self.random.random() < 0.1:
            return super()._piece(slot)
        text.append(self.random.randrange(VOCABULARY))
        return Piece(slot, len(text) - 1, text[-1:])


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", KINDS)
def test_single_tokens_in_slots_that_share_have_the_logits_of_one_pass(kind: str, way: str) -> None:
    model = KINDS[kind]()
    forward = steady(copy.deepcopy(model), way)
    kept = Singles(forward, model, Random(f"{kind} {way}"))
    for _ in range(6):
        for _ in range(6):
            kept.read_some()
        kept.turn_over()
    assert forward.steady and not forward.steady.fault


def test_what_is_recorded_is_used_again_until_the_pages_are_others() -> None:
    forward, tape = taped(tiny("Qwen3"), LONGEST)
    with torch.inference_mode():
        forward.hold([Places(9, 0, 6 * PAGE)])
        forward.read([Piece(slot, 0, [1, 2, 3]) for slot in range(4)])
        for start in range(3, PAGE):
            forward.read([Piece(slot, start, [start]) for slot in (2, 3)])
        assert (tape.recorded, tape.replayed) == (1, PAGE - 3)
        for slot in (1, 0):
            forward.read([Piece(slot, 3, [1])])
        assert (tape.recorded, tape.replayed) == (2, PAGE - 1), "the same for any slot"
        forward.read([Piece(2, PAGE, [1])])
        assert tape.recorded == 2, "as few pages are the same"
        forward.read([Piece(9, 5 * PAGE, [1])])
        assert tape.recorded == 3, "many pages are another shape"
        forward.hold([Places(9, 5 * PAGE + 1, 40 * PAGE)])
        forward.read([Piece(1, 4, [1])])
        assert tape.recorded == 4, "pages are elsewhere"


@pytest.mark.parametrize("way", WAYS)
def test_who_is_absent_keeps_all_it_holds(way: str) -> None:
    """Slots 1 and 2 are between those that read, and three rows are a step of four; 1 is full to its last place."""
    model = tiny("Qwen3")
    forward = steady(copy.deepcopy(model), way)
    lengths = (5, PAGE, 9, 3, 1)
    texts = [[(7 * slot + place) % VOCABULARY for place in range(length)] for slot, length in enumerate(lengths)]
    with torch.inference_mode():
        forward.read([Piece(slot, 0, text) for slot, text in enumerate(texts)])
        for number in range(8):
            for slot in (0, 3, 4):
                texts[slot].append(number)
            forward.read([Piece(slot, len(texts[slot]) - 1, [number]) for slot in (3, 0, 4)])
        again = [Piece(slot, len(texts[slot]) - 1, texts[slot][-1:]) for slot in (2, 1)]
        got = forward.read(again)
    expected = torch.stack([logits_of(model, texts[slot])[-1] for slot in (2, 1)])
    torch.testing.assert_close(got, expected, rtol=2e-4, atol=2e-4)


@pytest.mark.parametrize("way", WAYS)
def test_pages_are_read_where_they_are_or_copied_to_the_same_end(way: str) -> None:
    """Pages in common, and few of many, are copied; those of nearly everybody are not."""
    model = tiny("Qwen3")
    forward = steady(copy.deepcopy(model), way)
    assert forward.steady
    text = [place % VOCABULARY for place in range(3 * PAGE)]
    whole = list[bool]()
    with torch.inference_mode():
        forward.read([Piece(slot, 0, text[:length]) for slot, length in enumerate((150, 3, 60, 10))])
        forward.copy(0, 4, 2 * PAGE)
        for slots, end in (((0,), 150), ((0, 1, 2), 0), ((0, 4), 0), ((3,), 10)):
            starts = {0: end or 151, 1: 3, 2: 60, 3: 10, 4: 2 * PAGE}
            pieces = [Piece(slot, starts[slot], text[starts[slot] :][:1]) for slot in slots]
            got = forward.read(pieces)
            whole += [shape.whole for shape in [*forward.steady._ready][-1:]]
            expected = torch.stack([logits_of(model, text[: piece.end])[-1] for piece in pieces])
            torch.testing.assert_close(got, expected, rtol=2e-4, atol=2e-4)
            forward.cut(0, 151)
    assert whole == [True, True, False, False]


@pytest.mark.parametrize("way", WAYS)
def test_a_row_of_no_numbers_spoils_no_other(way: str) -> None:
    model = tiny("Llama")
    expected = logits_of(model, [1, 2, 3])
    with torch.no_grad():
        model.model.embed_tokens.weight[50] = float("nan")
    forward = steady(model, way)
    with torch.inference_mode():
        forward.read([Piece(0, 0, [1, 2]), Piece(1, 0, [1, 50])])
        got = forward.read([Piece(0, 2, [3]), Piece(1, 2, [3])])
        assert torch.isnan(got[1]).all()
        torch.testing.assert_close(got[0], expected[2], rtol=2e-4, atol=2e-4)
        forward.read([Piece(0, 2, [3])])
        forward.cut(1, unsound=True)
        forward.read([Piece(1, 0, [1])])
        got = forward.read([Piece(0, 2, [3]), Piece(1, 1, [2])])
    torch.testing.assert_close(got, expected[[2, 1]], rtol=2e-4, atol=2e-4)


@pytest.mark.parametrize("quantization", ["int8", "int4"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_weights_in_fewer_bits_and_bfloat16_pass_the_trial_uncompiled(
    quantization: Quantization, dtype: torch.dtype
) -> None:
    model = tiny("Qwen3", hidden_size=128, intermediate_size=128, head_dim=16).to(dtype)
    forward = FusedForward(model, longest=LONGEST, quantization=quantization)
    forward.steadily()
    with torch.inference_mode():
        assert compiled._fault(forward) == ""
        assert forward.held == 0


@pytest.mark.parametrize(("pieces", "reads"), [
    ([Piece(0, 3, [4]), Piece(3, 3, [4])], True),
    ([Piece(0, 3, [4, 5])], False),
    ([Piece(0, 3, [4]), Piece(1, 3, [4, 5])], False),
    ([Piece(0, 3, [4], 0)], False),
    ([Piece(0, 3, [4]), Piece(1, 3, [4], adapter="fr")], False),
    ([Piece(slot, 3, [4]) for slot in range(MOST + 1)], False),
])  # fmt: skip
def test_only_single_tokens_of_the_model_itself_are_such_a_step(pieces: Sequence[Piece], reads: bool) -> None:
    forward = steady(tiny("Qwen3"), "at once")
    with torch.inference_mode():
        forward.read([Piece(slot, 0, [1, 2, 3]) for slot in range(MOST + 1)])
        assert isinstance(forward.steady, Steady)
        forward.hold([piece.places for piece in pieces])
        assert (forward.steady.read(pieces, forward._tables) is not None) == reads


@pytest.mark.parametrize("late", [False, True])
def test_what_cannot_be_recorded_is_read_as_before_and_said_once(
    late: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    model, tries = tiny("Qwen3"), list[int]()

    def refuse(work: Work) -> Work:
        work()

        def fail() -> torch.Tensor:
            tries.append(1)
            raise RuntimeError("operation not permitted when stream is capturing\nand much more")

        if not late:
            fail()
        return fail

    forward = FusedForward(copy.deepcopy(model), longest=LONGEST)
    forward.steadily(record=refuse)
    with torch.inference_mode():
        forward.read([Piece(0, 0, [1, 2])])
        got = torch.cat([forward.read([Piece(0, 2, [3])]), forward.read([Piece(0, 3, [4])])])
    torch.testing.assert_close(got, logits_of(model, [1, 2, 3, 4])[2:], rtol=2e-4, atol=2e-4)
    said = capsys.readouterr().err
    assert said == "Steps are no longer compiled, and slower: operation not permitted when stream is capturing\n"
    assert tries == [1]


def test_a_trial_finds_steps_that_compute_something_else() -> None:
    forward = FusedForward(tiny("Qwen3"), longest=LONGEST)
    forward.steadily(record=lambda work: lambda: work() * 1.01)
    with torch.inference_mode():
        assert "they differ by" in compiled._fault(forward)
    forward.steadily()
    with torch.inference_mode():
        assert compiled._fault(forward) == ""


def test_what_was_asked_for_and_is_not_here_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="no CUDA graphs on cpu"):
        started(tiny("Qwen3"), compile="cudagraph")
    with pytest.raises(ConfigurationError, match="needs the fused forward pass"):
        started(tiny("Qwen3"), "transformers", compile="inductor")
    for left in ("auto", "off"):
        assert "steps of" not in started(tiny("Qwen3"), compile=left).explanation
        started(tiny("Gemma2", sliding_window=16), compile=left)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="There is no GPU here")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_cuda_graphs_have_the_logits_of_one_pass(dtype: torch.dtype) -> None:
    model = tiny("Qwen3").to("cuda", dtype)
    forward = FusedForward(copy.deepcopy(model), longest=LONGEST)
    assert compiled.compile_steps(forward, "cudagraph").startswith("steps of single tokens recorded as CUDA graphs: ")
    assert isinstance(forward.steady, Steady) and isinstance(forward.steady._record, Graphs)
    if dtype is torch.float32:
        kept = Singles(forward, model, Random("cuda"))
        for _ in range(40):
            kept.read_some()
        assert not forward.steady.fault
