"""What a caller gives as an address or a key, looked at before anything is sent."""

from __future__ import annotations

from urllib.parse import urlsplit

from unified_intelligence.entities.errors import ConfigurationError

HUB = "https://huggingface.co"


def check_address(option: str, url: str, example: str = "http://localhost:8000/v1") -> str:
    """The address without a slash at its end.

    Raises ConfigurationError, which does not show the address where it may hold a password.
    """
    try:
        parts = urlsplit(url)
        valid = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        parts, valid = urlsplit(""), False
    if parts.username is not None or parts.password is not None:
        raise ConfigurationError(f"The option {option} holds a name or a password.", hint="Give the key as --key.")
    if not valid or parts.query or parts.fragment or not url.isprintable() or " " in url:
        raise ConfigurationError(f"The option {option} is an address such as {example}, not {url[:200]!r}.")
    return url.rstrip("/")


def check_secret(option: str, secret: str | None) -> None:
    """Raises ConfigurationError, which does not show it."""
    if secret is None:
        return
    if not secret:
        raise ConfigurationError(f"The option {option} is empty.", hint="Leave it out, or give the whole key.")
    if not all("!" <= character <= "~" for character in secret):
        raise ConfigurationError(
            f"The option {option} holds a blank, a newline or another character that no key has.",
            hint="Copy it again, without what stands around it.",
        )
