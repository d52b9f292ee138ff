"""Files of the Hub into its cache, and what is said meanwhile: the Hub's own bars on a terminal, else one line."""

from __future__ import annotations

import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from unified_intelligence.entities.errors import ConfigurationError, ModelNotFoundError

_UNITS = ("bytes", "kB", "MB", "GB")


@dataclass(frozen=True, slots=True)
class Source:
    """A repository, and where what is read of it is kept; None is the Hub's own choice."""

    model: str
    revision: str | None
    cache_dir: str | None
    offline: bool


def fetched(source: Source, patterns: Sequence[str], *, told: bool = False, inner: bool = False) -> Path:
    """The folder with the files of these patterns. `told`: the user is shown that it takes its time.

    `inner`: they are in folders of it, of which nothing is read otherwise.
    Raises ModelNotFoundError, ConfigurationError.
    """
    import huggingface_hub

    library: Any = huggingface_hub  # half typed
    asked = {
        "revision": source.revision,
        "cache_dir": source.cache_dir,
        "allow_patterns": list(patterns),
        "ignore_patterns": [] if inner else ["*/*"],
    }
    try:
        missing = 0 if source.offline or not told else _missing(library, source.model, asked)
        bars = missing > 0 and _tell(source.model, missing)
        shown = {} if bars else {"tqdm_class": _silent()}
        return Path(library.snapshot_download(source.model, local_files_only=source.offline, **shown, **asked))
    except (OSError, ValueError) as error:
        raise _hub_error(error, source.model) from error


@contextmanager
def bars_on_terminals_only() -> Generator[None]:
    """For loaders that draw theirs anywhere; one load at a time, because it is a setting of the process."""
    from transformers.utils import logging

    library: Any = logging  # half typed
    shown = library.is_progress_bar_enabled()
    if shown and not _on_terminal():
        library.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            library.enable_progress_bar()


def _missing(library: Any, model: str, asked: dict[str, Any]) -> int:
    """Bytes that are not in the cache yet; none where the Hub is out of reach and the cache has to do."""
    try:
        files = library.snapshot_download(model, dry_run=True, tqdm_class=_silent(), **asked)
    except library.errors.DryRunError:
        return 0
    return sum(file.file_size for file in files if file.will_download)


def _tell(model: str, size: int) -> bool:
    """Whether the Hub's own bars are to be shown; where they are not, a line says what is going on."""
    from huggingface_hub.utils import are_progress_bars_disabled

    if are_progress_bars_disabled():
        return False
    if _on_terminal():
        return True
    print(f"Downloading {model}, {_said(size)}.", file=sys.stderr, flush=True)  # noqa: T201 - as the Hub's bars are
    return False


def _on_terminal() -> bool:
    stream: TextIO | None = sys.stderr  # None where it was closed: `uic 2>&-`
    return stream is not None and stream.isatty()


def _said(size: int) -> str:
    number, unit = float(size), _UNITS[0]
    for unit in _UNITS:
        if number < 1000 or unit == _UNITS[-1]:
            break
        number /= 1000
    return f"{number:.3g} {unit}"


def _silent() -> Any:
    from huggingface_hub.utils import tqdm

    bar: Any = tqdm  # half typed

    class Silent(bar):
        def __init__(self, *arguments: Any, **told: Any) -> None:
            bar.__init__(self, *arguments, **{**told, "disable": True})

    return Silent


def _hub_error(error: Exception, model: str) -> ConfigurationError | ModelNotFoundError:
    from huggingface_hub import errors

    match error:
        case errors.GatedRepoError():
            hint = f"Accept its terms at https://huggingface.co/{model}, then run: hf auth login"
            return ConfigurationError(f"{model} is gated: the Hub did not give it to you.", hint=hint)
        case errors.RevisionNotFoundError():
            return ModelNotFoundError(f"{model} has no such revision.", hint="Leave the revision out for the newest.")
        case errors.RepositoryNotFoundError():
            hint = "Check the spelling; for a private one run: hf auth login"
            return ModelNotFoundError(f"The Hub has no model {model}, or it is private.", hint=hint)
        case errors.HFValidationError():
            return ModelNotFoundError(f"{model!r} is neither a folder nor a Hub id.", hint="An id is owner/name.")
        case errors.LocalEntryNotFoundError() | errors.OfflineModeIsEnabled():
            hint = f"With the Hub in reach run: hf download {model}"
            return ModelNotFoundError(f"{model} is not in the cache, and the Hub did not give it.", hint=hint)
        case _:
            return ModelNotFoundError(f"{model} could not be downloaded: {error}", hint="Try again, or give a folder.")
