"""What products with weights leave in the memory of this process, and how fast that memory is read."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest
import torch

from tests.unit.engine.test_linear import matrices
from unified_intelligence.engine.linear import Quantization, linear, read_bandwidth


def resident() -> int:
    """Bytes of this process in memory."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads the memory in Linux's way")
@pytest.mark.parametrize("quantization", ["none", "int8", "int4"])
def test_weights_are_kept_once_and_products_leave_nothing(quantization: Quantization) -> None:
    linear(matrices(512, 512)[0], quantization=quantization)  # the trial, and what torch keeps of its own
    before = resident()
    weight = torch.zeros(8192, 2048, dtype=torch.bfloat16).normal_()  # 32 MiB
    product = linear(weight, quantization=quantization)
    expected = {"none": weight.nbytes, "int8": weight.nbytes / 2, "int4": weight.nbytes * 5 / 16}[quantization]
    del weight
    assert expected * 0.99 < product.nbytes < expected * 1.01
    assert resident() - before < product.nbytes + 12 * 2**20


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads the memory in Linux's way")
@pytest.mark.parametrize("quantization", ["none", "int8", "int4"])
def test_products_of_any_number_of_rows_leave_nothing(quantization: Quantization) -> None:
    weight, bias, x = matrices(256, 256)
    product = linear(weight, bias, quantization=quantization)
    before = resident()
    for rows in range(200):
        product(x[:rows])
    met = resident()
    for call in range(1000):
        product(x[: call % 200])
    assert met - before < 48 * 2**20  # without rounding up the rows some 120 MiB
    assert resident() - met < 8 * 2**20


def test_the_read_bandwidth_is_that_of_a_memory() -> None:
    assert 0.1 < read_bandwidth(0.01) < 5000
