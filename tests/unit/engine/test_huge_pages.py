"""What Linux says of the pages of what was gathered."""

from __future__ import annotations

import platform
import re
import sys
import weakref
from collections.abc import Iterable
from pathlib import Path

import pytest
import torch

from unified_intelligence.engine.huge_pages import SIZE, Gathering, expect, kept_by
from unified_intelligence.engine.linear import linear

SWITCH = Path("/sys/kernel/mm/transparent_hugepage/enabled")
GATHERS = tuple(map(int, re.findall(r"\d+", platform.release())[:2])) >= (6, 1)  # where MADV_COLLAPSE began
pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or not SWITCH.exists() or "[never]" in SWITCH.read_text(),
    reason="this machine has no large pages to give",
)


def large(tensor: torch.Tensor) -> int:
    """Bytes in large pages of the mappings that hold it; there may be several."""
    start, end = tensor.data_ptr(), tensor.data_ptr() + tensor.nbytes
    total, inside = 0, False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        if found := re.match(r"([0-9a-f]+)-([0-9a-f]+) ", line):
            inside = int(found[1], 16) < end and start < int(found[2], 16)
        elif inside and line.startswith("AnonHugePages:"):
            total += int(line.split()[1]) * 1024
    return total


def collapse(tensors: Iterable[torch.Tensor]) -> int:
    """Bytes that were gathered."""
    gathering = Gathering(tensors)
    gathering.all()
    assert not gathering.left
    return gathering.done


def test_what_is_written_is_gathered_and_stays_as_it_was() -> None:
    numbers = torch.arange(8 * SIZE // 4, dtype=torch.int32)
    gathered = collapse([numbers])
    if not GATHERS:
        pytest.skip("this kernel gathers no pages")
    assert gathered >= SIZE
    assert large(numbers) >= gathered // 2  # told are whole stretches, of which an end may be in another mapping
    assert torch.equal(numbers, torch.arange(8 * SIZE // 4, dtype=torch.int32))


def test_it_is_done_piece_by_piece_and_the_tensors_are_kept_meanwhile() -> None:
    numbers = torch.ones(40 * SIZE // 4)
    kept = weakref.ref(numbers)
    gathering = Gathering([numbers])
    assert (gathering.left, gathering.done) == (True, 0)
    gathering.some()
    assert gathering.left or not GATHERS
    assert gathering.done <= 16 * SIZE
    del numbers
    assert kept() is not None or not GATHERS
    while gathering.left:
        gathering.some()
    assert kept() is None
    assert gathering.done >= (SIZE if GATHERS else 0)


def test_what_is_smaller_than_a_page_is_left_where_it_is() -> None:
    assert collapse([torch.ones(1000), torch.ones(SIZE // 8)]) == 0
    assert collapse([]) == 0


def test_what_is_on_no_cpu_is_left_alone() -> None:
    assert collapse([torch.empty(8 * SIZE, device="meta")]) == 0
    expect(torch.empty(8 * SIZE, device="meta"))


def test_memory_that_is_expected_comes_in_large_pages() -> None:
    come = list[int]()
    for _ in range(5):  # memory in one piece is not always there at once
        numbers = torch.empty(8 * SIZE, dtype=torch.uint8)
        expect(numbers)
        numbers.fill_(7)
        come.append(large(numbers))
        assert int(numbers.sum(dtype=torch.int64)) == 7 * 8 * SIZE
    if not any(come) and collapse([torch.ones(8 * SIZE, dtype=torch.uint8)]) < SIZE:
        pytest.skip("this machine has no memory in one piece")
    assert max(come) >= SIZE


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_weights_of_a_product_are_found_in_whatever_order_they_are_kept(dtype: torch.dtype) -> None:
    weight = torch.randn(2048, 2048, generator=torch.Generator().manual_seed(1)).to(dtype)
    product, x = linear(weight.clone()), torch.ones(3, 2048, dtype=dtype)
    expected = product(x)
    assert sum(each.numel() for each in kept_by([product])) >= weight.numel()
    gathered = collapse(kept_by([product]))
    assert gathered >= (SIZE if GATHERS else 0)
    assert torch.equal(product(x), expected)
