"""Reading a safetensors file with NumPy alone, its header checked against the file's length before anything is used.

The format: 8 bytes of little-endian header length, a JSON header, then the tensors' bytes
(https://huggingface.co/docs/safetensors, "Format"). Only the types a model of ours is saved in are read.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_ITEM_BYTES = {"BF16": 2, "F16": 2, "F32": 4}
_LONGEST_HEADER = 10_000_000


class DamagedFileError(ValueError):
    """The file is not what its header says: cut short, padded, overlapping or of an unknown type."""


@dataclass(frozen=True, slots=True)
class _Entry:
    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int


def read_tensors(path: Path) -> dict[str, NDArray[np.float32]]:
    """All tensors of a file as float32. Raises DamagedFileError, FileNotFoundError."""
    data = path.read_bytes()
    if len(data) < 8:
        raise DamagedFileError(f"{path} has {len(data)} bytes: no safetensors header.")
    length = int.from_bytes(data[:8], "little")
    if length > min(_LONGEST_HEADER, len(data) - 8):
        raise DamagedFileError(f"{path}: a header of {length} bytes does not fit a file of {len(data)}.")
    body = memoryview(data)[8 + length :]
    entries = _entries(path, data[8 : 8 + length])
    _check_layout(path, entries, len(body))
    return {name: _to_float32(entry, body[entry.start : entry.end]) for name, entry in entries.items()}


def _entries(path: Path, header: bytes) -> dict[str, _Entry]:
    try:
        raw: dict[str, dict[str, Any]] = json.loads(header)
        return {
            name: _Entry(row["dtype"], tuple(row["shape"]), *row["data_offsets"])
            for name, row in raw.items()
            if name != "__metadata__"
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DamagedFileError(f"{path}: the header is not readable ({error}).") from error


def _check_layout(path: Path, entries: dict[str, _Entry], length: int) -> None:
    position = 0
    for name, entry in sorted(entries.items(), key=lambda item: item[1].start):
        item = _ITEM_BYTES.get(entry.dtype)
        if item is None:
            raise DamagedFileError(f"{path}: tensor {name} has the type {entry.dtype}, which is not read here.")
        if entry.start != position or entry.end - entry.start != prod(entry.shape) * item:
            raise DamagedFileError(f"{path}: tensor {name} does not lie where the header says.")
        position = entry.end
    if position != length:
        raise DamagedFileError(f"{path}: {length} bytes of tensors, {position} announced.")


def _to_float32(entry: _Entry, raw: memoryview) -> NDArray[np.float32]:
    if entry.dtype == "BF16":  # the upper half of a float32
        widened = np.zeros(len(raw) // 2, "<u4")
        widened.view("<u2")[1::2] = np.frombuffer(raw, "<u2")
        values = widened.view("<f4")
    else:
        values = np.frombuffer(raw, "<f2" if entry.dtype == "F16" else "<f4").astype(np.float32)
    return values.reshape(entry.shape)
