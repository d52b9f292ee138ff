"""Keys: which options hold one, and how a reference is read. A key is never repeated, nor is what may be one.

env:NAME              the environment variable NAME
file:PATH             a file that only its owner can read
keyring:SERVICE/USER  the system's keyring, with the extra `keyring`
"""

from __future__ import annotations

import importlib
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from unified_intelligence.config.environment import Environment
from unified_intelligence.entities.errors import ConfigurationError, MissingDependencyError

SECRET = "***"
REFERENCES = "env:NAME, file:PATH or keyring:SERVICE/USER"
_SECRET_WORDS = ("key", "token", "secret", "password")
_LONGEST = 64 * 1024
_OTHERS = 0o077


def is_secret(name: str) -> bool:
    """Whether an option holds a key: its value is left out of what is shown."""
    words = name.lower().split("_")
    return any(word in words or name.lower().endswith(word) for word in _SECRET_WORDS)


def read_key(what: str, reference: object, environment: Environment) -> str:
    """The key that a reference leads to. `what` is the option and who gave it.

    Raises ConfigurationError for a key that stands there itself, and for a reference that leads nowhere;
    MissingDependencyError if the keyring's library is not installed.
    """
    place, colon, rest = reference.partition(":") if isinstance(reference, str) else ("", "", "")
    if not colon or place not in _READERS:
        raise ConfigurationError(
            f"{what} is no reference to a key, and a key itself may not stand there: others can read it.",
            hint=f"Write where the key is: {REFERENCES}.",
        )
    return checked_key(what, _READERS[place](what, rest, environment))


def checked_key(what: str, key: str) -> str:
    """The key, if it can be sent. Raises ConfigurationError for an empty one and for one that no header can carry."""
    if not key:
        raise ConfigurationError(f"{what} leads to an empty key.")
    if not (key.isascii() and key.isprintable()):
        raise ConfigurationError(f"{what} leads to a text with line breaks or signs that no key has.")
    return key


# A key that was pasted or expanded in place of the variable's name (env:$KEY) must not be repeated.
_SURELY_A_NAME = re.compile(r"[A-Z][A-Z0-9]{0,20}(?:_[A-Z0-9]{1,20}){1,4}")


def _from_variable(what: str, name: str, environment: Environment) -> str:
    value = environment.get(name)
    if not value:
        shown = f"the environment variable {name}, which" if _SURELY_A_NAME.fullmatch(name) else "a variable that"
        raise ConfigurationError(
            f"{what} names {shown} is not set.", hint="env: takes a variable's name, as in env:OPENAI_API_KEY."
        )
    return value.strip()


def _from_file(what: str, name: str, environment: Environment) -> str:
    path = environment.home / name[2:] if name.startswith("~/") else Path(name)
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            data = b"" if mode & _OTHERS else file.read(_LONGEST + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no path"
        raise ConfigurationError(f"{what} names a file that cannot be read: {reason}.") from None
    if mode & _OTHERS:
        from shlex import quote

        raise ConfigurationError(
            f"{what} is in the file {path}, which others can read or change.", hint=f"chmod 600 {quote(str(path))}"
        )
    if len(data) > _LONGEST:
        raise ConfigurationError(f"{what} is in the file {path}, which is too long to be a key.")
    return data.decode("utf-8", "replace").strip()


def _from_keyring(what: str, name: str, _environment: Environment) -> str:
    service, _, user = name.rpartition("/")
    if not service or not user:
        raise ConfigurationError(f"{what} does not say which key of the keyring.", hint="Write keyring:SERVICE/USER.")
    try:
        keyring = importlib.import_module("keyring")
        errors = importlib.import_module("keyring.errors")
    except ModuleNotFoundError as error:
        raise MissingDependencyError("A key from the keyring", error.name or "keyring", "keyring") from error
    try:
        key = keyring.get_password(service, user)
    except errors.KeyringError as error:
        raise ConfigurationError(f"{what} is in a keyring that cannot be read: {type(error).__name__}.") from None
    if key is None:
        raise ConfigurationError(f"{what} names a key that the keyring does not have.", hint="keyring set SERVICE USER")
    return str(key)


_READERS: Mapping[str, Callable[[str, str, Environment], str]] = {
    "env": _from_variable,
    "file": _from_file,
    "keyring": _from_keyring,
}
