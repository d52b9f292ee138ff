"""The fields in front of the tensors of a GGUF file, as its public specification has them (version 3)."""

from __future__ import annotations

import struct
from typing import Any

_NUMBERS: dict[int, str] = dict(zip((0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 12), "BbHhIif?Qqd", strict=True))
_STRING, _ARRAY = 8, 9


def fields_of(data: bytes) -> dict[str, Any]:
    """Their values by their names. Raises ValueError for what is no such file."""
    if data[:4] != b"GGUF" or struct.unpack_from("<I", data, 4)[0] != 3:
        raise ValueError("no GGUF file of version 3")
    reader = _Reader(data, 16)  # behind the number of tensors
    return {reader.string(): reader.value(reader.number("I")) for _ in range(reader.number("Q"))}


class _Reader:
    def __init__(self, data: bytes, at: int) -> None:
        self._data, self._at = data, at

    def number(self, code: str) -> Any:
        self._at += struct.calcsize(f"<{code}")
        return struct.unpack_from(f"<{code}", self._data, self._at - struct.calcsize(f"<{code}"))[0]

    def string(self) -> str:
        length: int = self.number("Q")
        self._at += length
        return self._data[self._at - length : self._at].decode()

    def value(self, kind: int) -> Any:
        if kind == _STRING:
            return self.string()
        if kind != _ARRAY:
            return self.number(_NUMBERS[kind])
        each: int = self.number("I")
        return [self.value(each) for _ in range(self.number("Q"))]
