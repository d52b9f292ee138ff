"""What Spaces offer, remembered on disk: the second call of a Space then asks nothing before it asks the question.

A file for each address, readable by its owner only, because a private Space's parameters are private too. The memory
is a help and no need: what cannot be read or written is left.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import msgspec

from unified_intelligence.adapters.wire.gradio_offer import Offer
from unified_intelligence.disk.whole import replace

_VALID = 24 * 3600.0  # seconds; a Space that changes earlier says so by refusing the call
_FORMAT = 1


class _Remembered(msgspec.Struct):
    url: str
    at: float
    offer: Offer
    format: int = _FORMAT


class OfferCache:
    """`folder` is made when something is first put into it; None remembers nothing."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def get(self, url: str) -> Offer | None:
        """What that address offered last, if that is not too long ago."""
        if self._folder is None:
            return None
        with suppress(OSError, msgspec.MsgspecError, ValueError):
            found = msgspec.json.decode(self._file(self._folder, url).read_bytes(), type=_Remembered)
            age = datetime.now(UTC).timestamp() - found.at
            if found.url == url and found.format == _FORMAT and 0 <= age < _VALID:
                return found.offer
        return None

    def put(self, url: str, offer: Offer) -> None:
        """Remembers an offer, whole or not at all: several processes may write at once."""
        if self._folder is None:
            return
        with suppress(OSError):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            told = msgspec.json.encode(_Remembered(url, datetime.now(UTC).timestamp(), offer))
            replace(self._file(self._folder, url), told, private=True, synced=False)

    def forget(self, url: str) -> None:
        if self._folder is not None:
            with suppress(OSError):
                self._file(self._folder, url).unlink(missing_ok=True)

    @staticmethod
    def _file(folder: Path, url: str) -> Path:
        return folder / f"{sha256(url.encode()).hexdigest()[:32]}.json"
