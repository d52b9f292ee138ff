"""Whether a secret on the Hub is the one we have, without reading it: what it was set to is told in its description.

The description is a salted scrypt digest, cut short and keyed with the deployer's own key where there is one. Only who
may write to the Space can read it, and who may write could have the Space print the secret. Guessing is slow even so.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets

_MARK = "uic1"
_FORM = re.compile(rf"{_MARK}:([0-9a-f]{{16}}):([0-9a-f]{{16}})", re.ASCII)
_COST, _BLOCK = 2**14, 8  # 16 MiB and some 50 ms for each guess


def fingerprint(value: str, key: str = "") -> str:
    """A description for a secret of this value; another one each time."""
    salt = secrets.token_bytes(8)
    return f"{_MARK}:{salt.hex()}:{_digest(value, salt, key)}"


def is_fingerprint(description: str | None) -> bool:
    """Whether we wrote this description, so that the secret is ours."""
    return bool(description and _FORM.fullmatch(description))


def fits(description: str | None, value: str, key: str = "") -> bool | None:
    """Whether the secret was set to this value, with this key; None where the description does not tell."""
    told = _FORM.fullmatch(description or "")
    if told is None:
        return None
    return hmac.compare_digest(_digest(value, bytes.fromhex(told[1]), key), told[2])


def _digest(value: str, salt: bytes, key: str) -> str:
    slow = hashlib.scrypt(value.encode(), salt=salt, n=_COST, r=_BLOCK, p=1, dklen=32)
    return hmac.new(key.encode(), slow, hashlib.sha256).hexdigest()[:16]
