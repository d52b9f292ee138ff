"""Data that is not part of this package, byte by byte the pinned one: from a folder of the user's, from the web at a
commit, or from a dataset on the Hub at a commit. A changed truth changes every score, so any other file is refused.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from unified_intelligence.disk.whole import replace
from unified_intelligence.entities.errors import ConfigurationError, ConnectionFailedError
from unified_intelligence.evaluation.canonical import ids_digest
from unified_intelligence.evaluation.suite import Dataset

if TYPE_CHECKING:
    from collections.abc import Sequence

    from unified_intelligence.evaluation.suite import Choice

_HUB: Final = re.compile(r"hf:/{1,2}datasets/(?P<repository>[^/@]+/[^/@]+)@(?P<revision>[0-9a-f]{40})")
_SECONDS: Final = 60.0
OWN: Final = "a folder of the user's"  # its path is nobody else's business: results are published


@dataclass(frozen=True, slots=True, kw_only=True)
class PinnedFile:
    """`name` is its path below a folder of data, `url` where it is downloaded from, `kept` its folder in the cache.

    `what` is the data's name for people, `instead` the hint for who has neither the data nor a network.
    """

    name: str
    sha256: str
    url: str
    kept: str
    what: str
    instead: str


def sha256(*contents: bytes) -> str:
    digest = hashlib.sha256()
    for content in contents:
        digest.update(content)
    return digest.hexdigest()


def described(name: str, version: str, licence: str, ids: Sequence[str], digest: str, origin: str) -> Dataset:
    """What a result says of data whose SHA-256 is `digest`."""
    return Dataset(
        name=name,
        version=version,
        sha256=digest,
        licence=licence,
        n=len(ids),
        ids_sha256=ids_digest(ids),
        origin=origin,
    )


def pinned(file: PinnedFile, choice: Choice) -> tuple[bytes, str]:
    """The content of the file and where it came from, in words.

    `choice.data` is a folder, the file itself, or hf://datasets/OWNER/NAME@COMMIT. Raises ConfigurationError for data
    that is not there or not the pinned one, and ConnectionFailedError for a download that failed.
    """
    hub = _HUB.fullmatch(str(choice.data)) if choice.data else None
    if choice.data and not hub:
        given = choice.data.expanduser()
        path = given if given.is_file() else given / file.name
        return _checked(file, _read(path, file), str(given)), OWN
    kept = choice.cache / file.kept / file.name if choice.cache else None
    if kept and kept.is_file():
        return _checked(file, _read(kept, file), str(kept)), file.url
    if choice.offline:
        raise ConfigurationError(
            f"{file.what} is not here, and downloads are forbidden: {file.name}", hint=file.instead
        )
    if hub:
        content, origin = from_hub(hub["repository"], hub["revision"], file.name), str(choice.data)
    else:
        content, origin = from_web(file.url), file.url
    _checked(file, content, origin)
    if kept:
        replace(kept, content)
    return content, origin


def _read(path: Path, file: PinnedFile) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be read: {error.strerror}.", hint=f"Give the folder that has {file.name} with --data."
        ) from error


def _checked(file: PinnedFile, content: bytes, source: str) -> bytes:
    found = sha256(content)
    if found != file.sha256:
        raise ConfigurationError(
            f"{file.name} of {source} is not that of {file.what}: its SHA-256 is {found[:16]}, not {file.sha256[:16]}.",
            hint="Scores of other data cannot be compared. Give the file as it was published, unchanged.",
        )
    return content


def from_hub(repository: str, revision: str, name: str, endpoint: str | None = None) -> bytes:
    """A file of a dataset on the Hub at a commit. Raises ConfigurationError, ConnectionFailedError."""
    import huggingface_hub
    from huggingface_hub import errors

    library: Any = huggingface_hub  # half typed
    try:
        path = library.hf_hub_download(repository, name, repo_type="dataset", revision=revision, endpoint=endpoint)
    except (errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled) as error:
        raise ConnectionFailedError(
            f"{name} of {repository} is not in the cache, and the Hub is out of reach.",
            hint="Try again with a network, or give a folder with --data.",
            url=repository,
        ) from error
    except (errors.RepositoryNotFoundError, errors.RevisionNotFoundError, errors.EntryNotFoundError) as error:
        raise ConfigurationError(
            f"The Hub has no {name} in {repository} at {revision[:7]}.",
            hint="Check the name and the commit; for a private one run: hf auth login",
        ) from error
    except (OSError, ValueError) as error:
        raise ConnectionFailedError(
            f"The Hub did not give {name}: {error}", hint="Try again, or give a folder with --data.", url=repository
        ) from error
    return Path(path).read_bytes()


def from_web(url: str) -> bytes:
    """The body at an address. Raises ConnectionFailedError."""
    import httpx2

    try:
        with httpx2.Client(timeout=_SECONDS, follow_redirects=True) as client:
            return client.get(url).raise_for_status().content
    except httpx2.HTTPError as error:
        raise ConnectionFailedError(
            f"{url} could not be downloaded: {error}", hint="Try again, or give a folder with --data.", url=url
        ) from error
