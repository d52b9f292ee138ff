"""Which of the known names was meant by one that is misspelt."""

import re
from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher


def nearest(name: str, known: Iterable[str], *, least: float = 0.5) -> tuple[str, ...]:
    """Up to three names that may have been meant, the likeliest first: those as likely as it, or nearly so.

    `least` is how alike it must be to one, from 0 to 1. A name of several words, such as openai_compatible, is like
    what was typed as its likest word is.
    """
    alike = sorted(
        ((_likeness(name.lower(), each.lower()), each) for each in known), key=lambda pair: (-pair[0], pair[1])
    )
    return tuple(each for likeness, each in alike[:3] if likeness >= max(least, alike[0][0] - 0.15))


def meant(names: Sequence[str]) -> str:
    """The question with which a misspelt name is answered; nothing where no name is near."""
    return f"Did you mean {' or '.join(names)}?" if names else ""


def _likeness(typed: str, name: str) -> float:
    if len(typed.strip("-")) > 2 and name.startswith(typed):
        return 1.0
    words = words_of(name) if len(typed) > 2 else []
    whole = SequenceMatcher(None, typed, name).ratio()
    return max([whole, *(0.95 * SequenceMatcher(None, typed, word).ratio() for word in words)])


def words_of(text: str) -> list[str]:
    """Its words of three letters and more, small."""
    return [word for word in re.split(r"[^a-z0-9]+", text.lower()) if len(word) > 2]
