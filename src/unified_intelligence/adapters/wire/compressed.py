"""What a server compresses although it was asked not to, decompressed a piece at a time."""

from __future__ import annotations

import zlib

from unified_intelligence.adapters.wire.failures import LOOK_THERE, visible
from unified_intelligence.entities.errors import ProtocolError

_UNPACKED = 1024 * 1024  # bytes decompressed at a time


class Unpacker:
    """Takes packed bytes, gives at most 1 MiB of what they hold at a time."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._packed = b""
        self._inflate = zlib.decompressobj(zlib.MAX_WBITS | 32)

    def put(self, packed: bytes) -> None:
        self._packed += packed

    def take(self) -> bytes:
        """The next bytes, none when more must be put in first. Raises ProtocolError for damaged data."""
        while self._packed:
            if self._inflate.eof:  # several of them may follow one another
                self._inflate = zlib.decompressobj(zlib.MAX_WBITS | 32)
            try:
                data = self._inflate.decompress(self._packed, _UNPACKED)
            except zlib.error as error:
                said = f"{self._url} sent what cannot be decompressed."
                raise ProtocolError(said, hint=LOOK_THERE, url=self._url, passing=True) from error
            self._packed = self._inflate.unconsumed_tail or self._inflate.unused_data
            if data:
                return data
        return b""


def unpacker(encoding: str, url: str) -> Unpacker | None:
    """For a `content-encoding`; none where there is nothing to unpack. Raises ProtocolError for an unknown one."""
    if encoding.strip().lower() in {"", "identity"}:
        return None
    if encoding.strip().lower() in {"gzip", "x-gzip", "deflate"}:
        return Unpacker(url)
    said = f"{url} answered in the encoding {visible(encoding, 40)!r}, asked for none."
    raise ProtocolError(said, hint=LOOK_THERE, url=url)
