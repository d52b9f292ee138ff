"""Our own kernels beside float64 and beside torch's pass, on CPUs that have what they take."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

import pytest
import torch

from tests.integration.engine.tiny_models import logits_of, tiny
from unified_intelligence.engine.forward import Piece
from unified_intelligence.engine.fused import FusedForward
from unified_intelligence.engine.kernels import Kernels
from unified_intelligence.engine.linear import linear
from unified_intelligence.engine.native import compiled
from unified_intelligence.engine.native.compiled import NoLibraryError
from unified_intelligence.engine.native.linears import MOST, Native, NativeInt4, NativeInt8, Panels
from unified_intelligence.engine.packed import Packed
from unified_intelligence.engine.pages import PAGE, Places
from unified_intelligence.engine.place import Quantization

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def inference() -> Generator[None]:
    with torch.inference_mode():
        yield


def obstacle() -> str:
    try:
        compiled.shared_library()
    except NoLibraryError as error:
        return str(error)
    return ""


runs_here = pytest.mark.skipif(bool(obstacle()), reason=f"our own kernels cannot run here: {obstacle()}")
KINDS: dict[Quantization, tuple[type[Native], float]] = {
    "none": (Panels, 4e-3), "int8": (NativeInt8, 0.011), "int4": (NativeInt4, 0.1),
}  # fmt: skip


@pytest.fixture(params=[1, 2])
def threads(request: pytest.FixtureRequest) -> Generator[int]:
    kept = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(kept)


@runs_here
@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("quantization", list(KINDS))
@pytest.mark.parametrize("biased", [False, True])
@pytest.mark.parametrize("shape", [(64, 64), (151, 192), (200, 1024), (1, 128)])
def test_products_are_near_those_in_float64(
    quantization: Quantization, shape: tuple[int, int], *, biased: bool
) -> None:
    source = torch.Generator().manual_seed(7)
    outputs, inputs = shape
    weight = torch.randn(outputs, inputs, generator=source).bfloat16()
    bias = torch.randn(outputs, generator=source).bfloat16() if biased else None
    x = torch.randn(MOST + 30, inputs, generator=source).bfloat16()
    kind, bound = KINDS[quantization]
    product = linear(weight, bias, quantization=quantization)
    assert type(product) is kind
    true = x.double() @ weight.double().T + (0 if bias is None else bias.double())
    for rows in (0, 1, 2, 3, 4, 5, 6, 7, 8, 11, 16, MOST - 1, MOST, MOST + 1, MOST + 30):
        y = product(x[:rows])
        assert y.shape == (rows, outputs) and y.dtype is torch.bfloat16
        if rows:
            off = (y.double() - true[:rows]).square().sum() / true[:rows].square().sum()
            assert float(off) < (bound if outputs > 1 else 0.2) ** 2


def both(model: Any, quantization: Quantization = "none") -> tuple[FusedForward, FusedForward]:
    """The same model by our own kernels where tokens are few, and by torch throughout."""
    passes = [FusedForward(each, longest=512, quantization=quantization) for each in (model(), model())]
    assert not passes[0].without_small
    passes[1].small = None
    return passes[0], passes[1]


def model_of(kind: str, **more: Any) -> Any:
    sizes: dict[str, Any] = {"hidden_size": 128, "intermediate_size": 192, "head_dim": 64, "initializer_range": 0.1}
    return tiny(kind, **(sizes | more)).to(torch.bfloat16)


STEPS: Sequence[Sequence[Piece]] = (
    [Piece(0, 0, [5, 6, 7, 8, 9], 1)],
    [Piece(0, 5, [11]), Piece(3, 0, [1, 2, 3], 3)],
    [Piece(3, 3, [4, 5, 6, 7, 8], 2), Piece(1, 0, list(range(20)), 1), Piece(0, 6, [40], 1)],
    [Piece(2, 0, list(range(90)), 1)],
    [Piece(2, 90, [3]), Piece(0, 4, [70, 71], 2), Piece(1, 20, [9], 0), Piece(3, 8, [1])],
)


@runs_here
@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("quantization", list(KINDS))
@pytest.mark.parametrize(("kind", "heads"), [
    ("Qwen3", (4, 2)), ("Qwen3", (3, 3)), ("Qwen3", (6, 2)), ("Qwen2", (4, 2)), ("Llama", (2, 1)),
])  # fmt: skip
def test_a_pass_over_few_tokens_is_that_of_torch(kind: str, heads: tuple[int, int], quantization: Quantization) -> None:
    ours, torchs = both(lambda: model_of(kind, heads=heads), quantization)
    for pieces in STEPS:
        got, expected = ours.read(pieces).float(), torchs.read(pieces).float()
        assert got.shape == expected.shape
        assert float((got - expected).abs().max() / expected.abs().max()) < 0.06
    for one in (ours, torchs):
        one.copy(2, 0, 91)
    pieces = [Piece(0, 91, [12, 13], 2), Piece(2, 91, [12])]
    got, expected = ours.read(pieces).float(), torchs.read(pieces).float()
    assert float((got - expected).abs().max() / expected.abs().max()) < 0.06


@runs_here
@pytest.mark.parametrize("quantization", list(KINDS))
def test_a_pass_over_many_tokens_is_that_of_torch(quantization: Quantization) -> None:
    """More than are read at once, so that what is wanted, and what one slot reads, lies in two parts."""
    ours, torchs = both(lambda: model_of("Qwen3"), quantization)
    long = [(7 * at * at + at) % 97 for at in range(300)]
    steps = (
        [Piece(1, 0, long[:40], 1), Piece(2, 0, long, 60), Piece(0, 0, [5], 1)],
        [Piece(2, 300, long[:70], 2), Piece(1, 40, [9], 1)],
    )
    assert ours.small
    for pieces in steps:
        assert ours.small.takes(pieces)
        got, expected = ours.read(pieces).float(), torchs.read(pieces).float()
        assert got.shape == expected.shape
        assert float((got - expected).abs().max() / expected.abs().max()) < 0.06


@runs_here
@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("quantization", ["none", "int8"])
def test_a_row_comes_to_the_same_numbers_in_any_company_and_however_its_text_was_cut(
    quantization: Quantization,
) -> None:
    """To the last bit: so a seed means the same on a busy server. int4 is another product for one row than for many."""
    forward = both(lambda: model_of("Qwen3", heads=(6, 2)), quantization)[0]
    text = [(7 * at * at + at) % 97 for at in range(150)]
    steps = range(140, 150)
    read = [forward.read([Piece(0, 0, text[:140], 7)])]
    alone = torch.cat(read + [forward.read([Piece(0, at, [text[at]])]) for at in steps])
    busy = list[torch.Tensor]()
    for start in range(0, 140, 35):
        beside = Piece(2, 3 * start, [5] * 105, 0)
        busy = [forward.read([beside, Piece(1, start, text[start : start + 35], 7)])]
    for at in steps:
        others = [Piece(at + 100 * more, 0, [more]) for more in range(at % 7)]
        busy.append(forward.read([*others, Piece(1, at, [text[at]])])[-1:])
    assert torch.equal(torch.cat(busy), alone)
    forward.copy(0, 10, 100)
    assert torch.equal(forward.read([Piece(10, 100, text[100:], 17)]), alone)


@runs_here
def test_many_tokens_that_look_far_back_are_read_by_torch() -> None:
    forward, _ = both(lambda: model_of("Qwen3"))
    assert forward.small
    far, single = Piece(0, 3000, list(range(60))), Piece(1, 3000, [1])
    assert not forward.small.takes([far]) and not forward.small.takes([single, far])
    assert forward.small.takes([Piece(0, 3000, [1, 2, 3])]) and forward.small.takes([single] * 64)


@runs_here
def test_a_long_conversation_read_token_by_token_ends_as_transformers_reads_it_at_once() -> None:
    tokens = [(7 * at * at + at) % 97 for at in range(150)]
    expected = logits_of(model_of("Qwen3"), tokens).float()
    ours, _ = both(lambda: model_of("Qwen3"))
    got = torch.cat([ours.read([Piece(4, at, [token])]) for at, token in enumerate(tokens)])
    assert got.dtype is torch.float32
    # bfloat16 rounds both; nearly every choice is the same
    assert float((got - expected).abs().max() / expected.abs().max()) < 0.1
    assert float((got.argmax(-1) == expected.argmax(-1)).float().mean()) > 0.9


@runs_here
def test_what_is_no_number_stays_in_its_slot() -> None:
    def spoilt() -> Any:
        model = model_of("Qwen3")
        model.model.embed_tokens.weight[50] = torch.nan
        return model

    ours, torchs = both(spoilt)
    for one in (ours, torchs):
        one.read([Piece(0, 0, [1, 2, 3]), Piece(1, 0, [4, 5])])
    got = ours.read([Piece(0, 3, [50]), Piece(1, 2, [7])])
    assert bool(got[0].isnan().all())
    assert bool(ours.read([Piece(0, 4, [6])]).isnan().all())
    expected = torchs.read([Piece(1, 2, [7])])[0].float()
    assert float((got[1] - expected).abs().max() / expected.abs().max()) < 0.06
    ours.cut(0, 3, unsound=True)
    assert not bool(ours.read([Piece(0, 3, [6])]).isnan().any())


@runs_here
@pytest.mark.parametrize("piece", [
    Piece(0, 0, [97]), Piece(0, 0, [3, -1]), Piece(0, 159, [1, 2]), Piece(0, -1, [1]),
])  # fmt: skip
def test_what_is_out_of_range_never_reaches_the_kernels(piece: Piece) -> None:
    ours, _ = both(lambda: model_of("Qwen3"))
    with pytest.raises(IndexError):
        ours.read([Piece(1, 0, [5]), piece])
    ours.hold([Places(2, 0, 512)])
    with pytest.raises(IndexError):
        ours.read([Piece(2, 512, [1])])  # there are angles for 512 places
    assert ours.small
    for table in ([], [-1], [99]):
        with pytest.raises(IndexError):
            ours.small.read([Piece(1, 0, [5])], [table])


@runs_here
def test_nothing_is_read_while_caches_are_not_all_where_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, _ = both(lambda: model_of("Qwen3"))
    expected = ours.read([Piece(0, 0, [1, 2])]), ours.read([Piece(0, 2, [3])])
    assert ours.small
    ours.cut(0, 2)

    def full(*_: object) -> None:
        raise RuntimeError("not enough memory")

    with monkeypatch.context() as patch:
        patch.setattr(ours._caches[1], "resize", full)
        with pytest.raises(RuntimeError):
            ours.hold([Places(1, 0, 512)])
        assert ours.held == PAGE, "what there is no memory for is not held"
        with pytest.raises(IndexError):
            ours.small.read([Piece(0, 2, [3])], [[1]])
    assert torch.equal(ours.read([Piece(0, 2, [3])]), expected[1])


@runs_here
@pytest.mark.parametrize("quantization", list(KINDS))
def test_results_have_their_room_while_another_model_is_loaded(quantization: Quantization) -> None:
    """Transformers changes torch's default type meanwhile, for all threads."""
    ours, _ = both(lambda: model_of("Qwen3"), quantization)
    product = linear(torch.ones(64, 64, dtype=torch.bfloat16), quantization=quantization)
    torch.set_default_dtype(torch.bfloat16)
    try:
        got = ours.read([Piece(0, 0, [1, 2], 2)])
        sums = product(torch.ones(4, 64, dtype=torch.bfloat16))
    finally:
        torch.set_default_dtype(torch.float32)
    assert got.dtype is torch.float32
    assert torch.equal(got, ours.read([Piece(1, 0, [1, 2], 2)]))
    assert bool((sums == 64).all())


@runs_here
def test_weights_stay_where_they_are_read_when_the_model_is_moved() -> None:
    model = model_of("Qwen3", tied=True)
    forward = FusedForward(model, longest=64)
    expected = forward.read([Piece(0, 0, [1, 2])])
    model.float()
    others = [torch.full((97, 128), torch.nan, dtype=torch.bfloat16) for _ in range(8)]
    assert torch.equal(forward.read([Piece(0, 0, [1, 2])]), expected)
    assert len(others) == 8


@runs_here
@pytest.mark.parametrize("size", [1e3, 1e20, 2e37])
def test_a_place_whose_score_is_far_below_the_others_has_no_weight(size: float) -> None:
    def spread() -> Any:
        """Token 2 looks at token 1 so; the largest score is beyond float32."""
        model = model_of("Llama", num_hidden_layers=1)
        model.model.embed_tokens.weight[1:3] = torch.eye(2, 128)
        layer = model.model.layers[0]
        layer.input_layernorm.weight.fill_(1)
        queries, keys = layer.self_attn.q_proj.weight, layer.self_attn.k_proj.weight
        queries[:, :2], keys[:, :2] = 0, 0
        queries[31::64, 1], keys[31::64, 0], keys[31::64, 1] = -10, size, 0.1
        return model

    ours, torchs = both(spread)
    got, expected = (one.read([Piece(0, 0, [1, 2])]).float() for one in (ours, torchs))
    assert not bool(expected.isnan().any())
    assert float((got - expected).abs().max() / expected.abs().max()) < 0.06


@runs_here
def test_a_matrix_that_is_packed_otherwise_is_left_to_torch() -> None:
    names = "_reorder_linear_weight", "_linear_pointwise", "_nbytes", "data_ptr"
    operations: dict[str, Any] = {f"mkldnn.{name}": getattr(torch.ops.mkldnn, name).default for name in names}
    sizes = operations["mkldnn._nbytes"]

    def others(packed: torch.Tensor) -> int:
        return sizes(packed) - 64 * (sizes(packed) > 1 << 16)

    operations["mkldnn._nbytes"] = others
    kernels = Kernels(operations)
    small, large = (torch.randn(outputs, 64).bfloat16() for outputs in (64, 1024))
    assert type(linear(small, kernels=kernels)) is Panels
    assert type(product := linear(large, kernels=kernels)) is Packed
    x = torch.randn(3, 64).bfloat16()
    assert torch.allclose(product(x).float(), x.float() @ large.float().T, atol=0.5)


@runs_here
@pytest.mark.parametrize(("change", "reason"), [
    ({"head_dim": 32}, "heads have 32 numbers"), ({"hidden_size": 32}, "not all by those kernels"),
])  # fmt: skip
def test_a_model_of_another_form_is_read_by_torch(change: dict[str, int], reason: str) -> None:
    forward = FusedForward(model_of("Qwen3", **change), longest=64)
    assert reason in forward.without_small
    assert forward.read([Piece(0, 0, [1, 2])]).shape == (1, 97)
