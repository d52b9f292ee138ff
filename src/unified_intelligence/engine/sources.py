"""Where models and adapters come from: folders of this machine, or the Hub by way of its cache; checked either way."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from unified_intelligence.engine import load, lora, recipe_files, trust


@dataclass(frozen=True, slots=True)
class Found:
    """The folder of a model whose files are as they should be; `code`: it brings its own, which may run."""

    folder: Path
    code: bool


class Sources:
    """`trusted` are models that may bring code, each as MODEL@COMMIT. Raises ConfigurationError for another form."""

    def __init__(self, *, cache_dir: str | None, offline: bool, trusted: Iterable[str] = ()) -> None:
        self._cache_dir, self._offline = cache_dir, offline
        self._trusted = trust.commits(trusted)

    def here(self, model: str) -> Found | None:
        """A model that is in a folder, None for a Hub id.

        Raises ConfigurationError, ModelError, ModelNotFoundError.
        """
        folder = load.local_folder(model)
        return None if folder is None else self._checked(model, folder, of_hub=False)

    def model(self, model: str, revision: str | None = None) -> Found:
        """The same, of a Hub id once it is downloaded."""
        if found := self.here(model):
            return found
        commit = trust.commit_of(model, self._trusted)
        folder = load.download(
            model, revision=revision, cache_dir=self._cache_dir, offline=self._offline, commit=commit
        )
        return self._checked(model, folder, of_hub=True)

    def adapter_here(self, adapter: str) -> Path | None:
        """An adapter that is in a folder, None for a Hub id. Raises as `here`."""
        folder = load.local_folder(adapter)
        if folder:
            lora.check(folder)
        return folder

    def adapter(self, adapter: str) -> Path:
        """The same, of a Hub id once it is downloaded."""
        if folder := self.adapter_here(adapter):
            return folder
        folder = load.download_adapter(adapter, cache_dir=self._cache_dir, offline=self._offline)
        lora.check(folder)
        return folder

    def _checked(self, model: str, folder: Path, *, of_hub: bool) -> Found:
        code = trust.check_code(folder, trust.commit_of(model, self._trusted), of_hub=of_hub)
        load.check_weights(folder)
        recipe_files.read(folder)
        return Found(folder, code)
