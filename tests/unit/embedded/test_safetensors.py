"""A file is read only if it is what its header says."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from unified_intelligence.embedded.safetensors import DamagedFileError, read_tensors


def _file(path: Path, header: dict[str, object], body: bytes) -> Path:
    raw = json.dumps(header).encode()
    path.write_bytes(len(raw).to_bytes(8, "little") + raw + body)
    return path


def _entry(dtype: str, shape: list[int], start: int, end: int) -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


def test_the_three_types_become_float32(tmp_path: Path) -> None:
    values = np.array([[1.0, -2.5], [0.0, 3.25]], np.float32)
    half = (values.view(np.uint32) >> 16).astype(np.uint16).tobytes()  # exact: these values fit bfloat16
    body = values.tobytes() + half + values.astype(np.float16).tobytes()
    header: dict[str, object] = {
        "__metadata__": {"format": "pt"},
        "a": _entry("F32", [2, 2], 0, 16),
        "b": _entry("BF16", [2, 2], 16, 24),
        "c": _entry("F16", [2, 2], 24, 32),
    }
    tensors = read_tensors(_file(tmp_path / "m.safetensors", header, body))
    assert set(tensors) == {"a", "b", "c"}
    for tensor in tensors.values():
        assert tensor.dtype == np.float32
        np.testing.assert_array_equal(tensor, values)


@pytest.mark.parametrize(
    ("header", "body", "reason"),
    [
        ({"a": _entry("F32", [4], 0, 16)}, b"\0" * 12, "announced"),
        ({"a": _entry("F32", [4], 0, 16)}, b"\0" * 20, "20 bytes of tensors, 16 announced"),
        ({"a": _entry("F32", [4], 4, 20)}, b"\0" * 20, "does not lie"),
        ({"a": _entry("F32", [5], 0, 16)}, b"\0" * 16, "does not lie"),
        ({"a": _entry("F32", [2], 0, 8), "b": _entry("F32", [2], 4, 12)}, b"\0" * 12, "does not lie"),
        ({"a": _entry("I8", [4], 0, 4)}, b"\0" * 4, "type I8"),
        ({"a": {"dtype": "F32"}}, b"", "not readable"),
        ({"a": 3}, b"", "not readable"),
    ],
)
def test_a_file_that_is_not_what_it_says_is_refused(
    tmp_path: Path, header: dict[str, object], body: bytes, reason: str
) -> None:
    with pytest.raises(DamagedFileError, match=reason):
        read_tensors(_file(tmp_path / "m.safetensors", header, body))


@pytest.mark.parametrize(
    "raw", [b"", b"\x01\0\0", (10**12).to_bytes(8, "little") + b"{}", (2).to_bytes(8, "little") + b"{"]
)
def test_a_file_that_is_cut_short_is_refused(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "m.safetensors"
    path.write_bytes(raw)
    with pytest.raises(DamagedFileError):
        read_tensors(path)
