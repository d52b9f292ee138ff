"""Our own kernels beside float64 and beside torch's pass, on CPUs that have what they take."""

from __future__ import annotations

import re
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.unit.engine.tiny_models import logits_of, tiny
from unified_intelligence.engine.forward import Piece
from unified_intelligence.engine.fused import FusedForward
from unified_intelligence.engine.kernels import Kernels
from unified_intelligence.engine.linear import explain, linear
from unified_intelligence.engine.native import library as native
from unified_intelligence.engine.native.library import NoLibraryError
from unified_intelligence.engine.native.linears import MOST, Native, NativeInt4, NativeInt8, Panels
from unified_intelligence.engine.place import Quantization

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def inference() -> Generator[None]:
    with torch.inference_mode():
        yield


def obstacle() -> str:
    try:
        native.library()
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
    for one in passes:
        one.lay_out(160, 5, {})
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
        one.lay_out(200, 2, {1: (2, 91)})
        one.copy(1, 0, 91)
    pieces = [Piece(0, 91, [12, 13], 2), Piece(1, 91, [12])]
    got, expected = ours.read(pieces).float(), torchs.read(pieces).float()
    assert float((got - expected).abs().max() / expected.abs().max()) < 0.06


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
    ours.clear(0, 3)
    assert not bool(ours.read([Piece(0, 3, [6])]).isnan().any())


@runs_here
@pytest.mark.parametrize(("change", "reason"), [
    ({"head_dim": 32}, "heads have 32 numbers"), ({"hidden_size": 32}, "not all by those kernels"),
])  # fmt: skip
def test_a_model_of_another_form_is_read_by_torch(change: dict[str, int], reason: str) -> None:
    forward = FusedForward(model_of("Qwen3", **change), longest=64)
    assert reason in forward.without_small
    forward.lay_out(16, 1, {})
    assert forward.read([Piece(0, 0, [1, 2])]).shape == (1, 97)


@pytest.fixture
def anew(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Generator[Path]:
    """The library is looked for once more, in a home of its own."""
    monkeypatch.setenv("HOME", str(tmp_path))
    native.library.cache_clear()
    yield tmp_path
    native.library.cache_clear()


@runs_here
def test_it_is_compiled_once_and_only_where_nobody_else_may_write(anew: Path) -> None:
    native.library()
    (kept,) = (anew / ".cache/unified-intelligence/native").iterdir()
    stamp = kept.stat().st_mtime_ns
    native.library.cache_clear()
    native.library()
    assert kept.stat().st_mtime_ns == stamp
    kept.unlink()
    kept.parent.chmod(0o777)
    native.library.cache_clear()
    native.library()
    assert not list(kept.parent.iterdir())


@pytest.mark.parametrize(("compiler", "reason"), [
    (None, "there is no C compiler"),
    ("echo 'pass.c:3:2: error: #error \"this CPU has no AVX-512\"' >&2\nexit 1", "this CPU has no AVX-512$"),
    ("exit 3", "could not be compiled"),
    ("while [ $# -gt 1 ]; do [ $1 = -o ] && : > $2; shift; done", "could not be loaded"),
])  # fmt: skip
@pytest.mark.usefixtures("anew")
def test_without_it_torchs_products_are_taken_and_the_reason_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, compiler: str | None, reason: str
) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    if compiler:
        (folder / "cc").write_text(f"#!/bin/sh\n{compiler}\n")
        (folder / "cc").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/nowhere" if not compiler else f"{folder}:/usr/bin:/bin")
    with pytest.raises(NoLibraryError, match=reason):
        native.library()
    kernels = Kernels()
    assert not isinstance(linear(torch.zeros(64, 64, dtype=torch.bfloat16), kernels=kernels), Native)
    assert re.search(reason, kernels.fault(Panels, CPU, torch.bfloat16))
    assert explain(CPU, torch.bfloat16, "none", kernels=kernels).startswith("products: weights reordered")
