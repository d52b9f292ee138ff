"""Products with weights beside the same in float64; the operations that torch does not document, missing and wrong."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from typing import Any

import pytest
import torch

from unified_intelligence.engine import quantize
from unified_intelligence.engine.kernels import Kernels, Operation
from unified_intelligence.engine.linear import (
    HERE,
    Packed,
    Plain,
    Quantization,
    explain,
    for_head,
    linear,
)
from unified_intelligence.engine.quantized import Fp8, Int4, Int8
from unified_intelligence.entities.errors import ConfigurationError

CPU = torch.device("cpu")
ROWS = [0, 1, 3, 16, 65, 300]
ERRORS: dict[tuple[Quantization, torch.dtype], float] = {
    ("none", torch.float32): 1e-6, ("none", torch.bfloat16): 4e-3, ("int8", torch.float32): 0.01,
    ("int8", torch.bfloat16): 0.011, ("int4", torch.float32): 0.085, ("int4", torch.bfloat16): 0.085,
}  # fmt: skip


@pytest.fixture(autouse=True)
def one_thread() -> Generator[None]:
    """Two on a core that others use wait for each other most of the time."""
    kept = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(kept)


class Without(Mapping[str, Operation]):
    """The operations of torch but some, or with others in their place."""

    def __init__(self, *lacking: str, **other: Operation) -> None:
        self.lacking, self.other = lacking, other

    def __getitem__(self, name: str) -> Operation:
        if name.partition(".")[2] in self.lacking:
            raise KeyError(f"{name} is missing")
        return self.other.get(name.partition(".")[2]) or HERE[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.other)

    def __len__(self) -> int:
        return len(self.other)


def matrices(
    out: int, width: int, dtype: torch.dtype = torch.bfloat16
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    source = torch.Generator().manual_seed(out * width)
    weight, bias, x = (torch.randn(*shape, generator=source) for shape in ((out, width), (out,), (300, width)))
    return (weight / width**0.5).to(dtype), bias.to(dtype), x.to(dtype)


def error_of(y: torch.Tensor, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> float:
    true = x.double() @ weight.double().T + (0 if bias is None else bias.double())
    assert y.shape == true.shape and y.dtype == x.dtype
    return float((y.double() - true).square().sum().sqrt() / true.square().sum().sqrt().clamp(min=1e-30))


@pytest.mark.parametrize(("quantization", "dtype"), list(ERRORS))
@pytest.mark.parametrize("biased", [False, True])
@pytest.mark.parametrize("shape", [(33, 96), (64, 32), (1000, 544), (151, 1024)])
def test_a_product_is_near_the_one_in_float64(
    quantization: Quantization, dtype: torch.dtype, biased: bool, shape: tuple[int, int]
) -> None:
    weight, bias, x = matrices(*shape, dtype)
    given = bias if biased else None
    product = linear(weight, given, quantization=quantization)
    for rows in ROWS:
        part, kept = x[:rows], x[:rows].clone()
        bound = ERRORS[quantization, dtype] * (1.5 if rows < 16 else 1)  # a few rows average over little
        assert error_of(product(part), part, weight, given) < bound
        assert torch.equal(part, kept)
    strided = torch.stack([x, x], -1)[..., 0]
    assert torch.equal(product(strided[:5]), product(x[:5]))


def test_a_row_means_the_same_in_any_company() -> None:
    weight, bias, x = matrices(640, 512)
    for (quantization, dtype), error in ERRORS.items():
        product = linear(weight.to(dtype), bias.to(dtype), quantization=quantization)
        alone, together = product(x[7:8].to(dtype)), product(x.to(dtype))[7:8]
        assert error_of(together, x[7:8].to(dtype), weight, bias) < error * 1.5
        assert torch.allclose(alone, together, rtol=0.02, atol=0.02)


@pytest.mark.parametrize("width", [17, 33, 1])
def test_widths_that_no_group_divides(width: int) -> None:
    weight, bias, x = matrices(40, width)
    for quantization in ("none", "int8"):
        product = linear(weight, bias, quantization=quantization)
        assert error_of(product(x), x, weight, bias) < 0.02
    with pytest.raises(ConfigurationError, match=f"multiple of 32 inputs, not {width}"):
        linear(weight, bias, quantization="int4")


def test_weights_of_zero_and_groups_of_one_value_stay_what_they_are() -> None:
    weight = torch.zeros(70, 64)
    weight[1] = 3.0
    weight[2, :32] = -5.0
    x = torch.eye(64)
    for quantization in ("none", "int8", "int4"):
        assert torch.allclose(linear(weight, quantization=quantization)(x[:9]), (x[:9] @ weight.T), rtol=1e-2)


def test_int4_is_the_nearest_of_its_sixteen_values_and_better_than_the_extremes() -> None:
    weight = matrices(64, 128, torch.float32)[0]
    values, table = quantize.int4(weight, 32)
    scale, zero = table.transpose(0, 1).repeat_interleave(32, 1).unbind(-1)
    assert int(values.min()) >= 0 and int(values.max()) <= 15
    inside = (values > 0) & (values < 15)
    assert bool((((values - 8) * scale + zero - weight).abs() <= scale / 2 * 1.001)[inside].all())
    groups = weight.view(64, 4, 32)
    low, high = groups.amin(-1, True), groups.amax(-1, True)
    plain = ((groups - low) / (high - low) * 15).round() / 15 * (high - low) + low
    assert (((values - 8) * scale + zero - weight).square().sum()) < 0.95 * (plain - groups).square().sum()


def zeros(x: torch.Tensor, *_: Any) -> torch.Tensor:
    return torch.zeros(len(x), 160)


def no_numbers(x: torch.Tensor, *_: Any) -> torch.Tensor:
    return torch.full((len(x), 160), torch.nan)


def misshapen(x: torch.Tensor, *_: Any) -> torch.Tensor:
    return torch.zeros(len(x), 7)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_oned_nn_packs_where_it_can(dtype: torch.dtype) -> None:
    assert isinstance(linear(matrices(64, 64, dtype)[0]), Packed if torch.backends.mkldnn.is_available() else Plain)
    assert "reordered" in explain(CPU, dtype, "none")


@pytest.mark.parametrize(("operations", "reason"), [
    (Without("_reorder_linear_weight"), "missing"), (Without("_linear_pointwise"), "missing"),
    (Without(_linear_pointwise=zeros), "wrong by"),
    (Without(_linear_pointwise=no_numbers), "wrong by nan"), (Without(_linear_pointwise=misshapen), "size of tensor"),
])  # fmt: skip
def test_an_operation_that_is_missing_fails_or_is_wrong_gives_way_to_the_ordinary_product(
    operations: Without, reason: str
) -> None:
    kernels = Kernels(operations)
    weight, bias, x = matrices(48, 64)
    product = linear(weight, bias, kernels=kernels)
    assert type(product) is Plain
    assert torch.equal(product(x), torch.nn.functional.linear(x, weight, bias))
    assert reason in explain(CPU, torch.bfloat16, "none", kernels=kernels)


def test_a_quantization_without_its_operation_is_refused_with_what_to_try() -> None:
    operations: dict[Quantization, str] = {
        "int8": "_weight_int8pack_mm",
        "int4": "_convert_weight_to_int4pack_for_cpu",
    }
    for quantization, operation in operations.items():
        with pytest.raises(ConfigurationError, match=f"{quantization} cannot be used on cpu with float32") as refused:
            linear(matrices(48, 64, torch.float32)[0], quantization=quantization, kernels=Kernels(Without(operation)))
        assert "leave the quantization out" in refused.value.hint
    with pytest.raises(ConfigurationError, match=r"compute capability 8\.9"):
        linear(matrices(48, 64)[0], quantization="fp8")
    with pytest.raises(ConfigurationError, match="int8 cannot be used on cpu with float64"):
        linear(matrices(48, 64, torch.float64)[0], quantization="int8")


def test_an_operation_is_tried_once() -> None:
    calls: list[int] = []

    def counted(*given: Any) -> torch.Tensor:
        calls.append(1)
        return HERE["mkldnn._linear_pointwise"](*given)

    kernels = Kernels(Without(_linear_pointwise=counted))
    for _ in range(3):
        linear(matrices(48, 64)[0], kernels=kernels)
    tried = len(calls)
    linear(matrices(48, 64)[0], kernels=kernels)
    assert 0 < tried == len(calls)


def test_int4_of_an_unknown_packing_computes_many_rows_as_few() -> None:
    def other_order(values: torch.Tensor, tiles: int) -> torch.Tensor:
        return HERE["aten._convert_weight_to_int4pack_for_cpu"](values, tiles).flip(0)

    def product(x: torch.Tensor, packed: torch.Tensor, *rest: Any) -> torch.Tensor:
        return HERE["aten._weight_int4pack_mm_for_cpu"](x, packed.flip(0), *rest)

    weight, bias, x = matrices(192, 64)
    kernels = Kernels(Without(_convert_weight_to_int4pack_for_cpu=other_order, _weight_int4pack_mm_for_cpu=product))
    assert error_of(linear(weight, bias, quantization="int4", kernels=kernels)(x), x, weight, bias) < 0.085


def test_fp8_on_this_processor_has_the_error_of_fp8() -> None:
    """The device is refused by `linear`; its arithmetic runs anywhere."""
    weight, bias, x = matrices(48, 64)
    product = Fp8(weight, bias, HERE)
    assert [product(x[:rows]).shape[0] for rows in ROWS] == ROWS
    assert error_of(product(x), x, weight, bias) < 0.045
    with pytest.raises(ConfigurationError, match="multiples of 16"):
        Fp8(matrices(48, 40)[0], None, HERE)


def test_logits_are_never_of_int4() -> None:
    assert [for_head(kind, CPU) for kind in ("none", "int8", "int4", "fp8")] == ["none", "int8", "int8", "fp8"]
    assert for_head("int4", torch.device("cuda")) == "none"


def test_kinds_are_what_was_asked_for() -> None:
    weight = matrices(64, 64, torch.float32)[0]
    assert type(linear(weight, quantization="int8")) is Int8
    assert type(linear(weight, quantization="int4")) is Int4
