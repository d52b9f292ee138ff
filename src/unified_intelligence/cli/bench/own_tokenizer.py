"""A tokenizer of somebody's own, for `uic bench run --tokenizer`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unified_intelligence.entities.errors import ConfigurationError

if TYPE_CHECKING:
    from unified_intelligence.benchmark.tokens import Counter


def tokenizer_at(given: str) -> Counter:
    """Of a tokenizer.json, or of the folder it is in. Raises ConfigurationError for a file that is none."""
    from tokenizers import Tokenizer

    path = Path(given).expanduser()
    path = path / "tokenizer.json" if path.is_dir() else path
    try:
        own: Any = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises nothing narrower
        raise ConfigurationError(
            f"--tokenizer: {path} is no tokenizer: {error}.", hint="It is a model's tokenizer.json, or its folder."
        ) from error

    def count(texts: Sequence[str]) -> list[int]:
        return [len(made.ids) for made in own.encode_batch(list(texts), add_special_tokens=False)]

    return count
