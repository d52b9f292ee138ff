"""Where the leaderboard's data comes from: a folder of the user's, or a download that is kept. Both must be the pinned
files, byte by byte: a changed truth changes every score.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from unified_intelligence.entities.errors import ConfigurationError, ConnectionFailedError
from unified_intelligence.evaluation.bfcl.cases import read_file, sha256

if TYPE_CHECKING:
    from unified_intelligence.evaluation.suite import Choice

COMMIT: Final = "6ea57973c7a6097fd7c5915698c54c17c5b1b6c8"
VERSION: Final = f"v4@{COMMIT[:7]}"
LICENCE: Final = "Apache-2.0"
UPSTREAM: Final = (
    f"https://raw.githubusercontent.com/ShishirPatil/gorilla/{COMMIT}/berkeley-function-call-leaderboard/bfcl_eval/data"
)
_HUB: Final = re.compile(r"hf:/{1,2}datasets/(?P<repository>[^/@]+/[^/@]+)@(?P<revision>[0-9a-f]{40})")
_SECONDS: Final = 60.0


class Files(NamedTuple):
    """Names below the data folder with their SHA-256; `answers` is "" where no call is right."""

    questions: str
    questions_sha256: str
    answers: str = ""
    answers_sha256: str = ""


def _files(category: str, questions: str, answers: str = "") -> Files:
    name = f"BFCL_v4_{category}.json"
    return Files(name, questions, f"possible_answer/{name}" if answers else "", answers)


FILES: Final[Mapping[str, Files]] = {
    "simple_python": _files(
        "simple_python",
        "82dd63ba502eb2520c6b5d1d9a5c4b590e03ff261565175561f6228a367d1991",
        "90cd5bc653690ee8e459b5b3f3fc9458606f7f3fcbf795bb51b7dc581f8c86dc",
    ),
    "multiple": _files(
        "multiple",
        "aef168155ebd74b7ac2401198b201343bc7d16d7a3d7e0d4e6d8ee82c6969b2a",
        "244e00ce9395df948bcafc7bee64e8f9c87ef70887587d83cae45b13699f3047",
    ),
    "parallel": _files(
        "parallel",
        "19f51a82eff42e5d62541aa500115a056eb78f437c2ba1f10415fd7c8e5dda84",
        "8a6aa19c1adddc6a5a2f7e40f9dbf30cc7e95815e7b830c90589ab318229e0f0",
    ),
    "parallel_multiple": _files(
        "parallel_multiple",
        "8863ea8433239f55c5f016154cf0830853c89f693c6ea270396a2fa121960579",
        "5ebf24f458c1f16300c05505d83d6f0a1b68b79be273a033febd0d4f840507e3",
    ),
    "irrelevance": _files("irrelevance", "2b6ed4c2e992cdcf5f1678a701851f944bef7550ee026ed1ddb89efed5be01a6"),
}


def contents(category: str, choice: Choice) -> tuple[bytes, bytes | None, str]:
    """The questions of a category, its answers if it has any, and where they came from, in words.

    Raises ConfigurationError for data that is not there, or not the pinned one, and ConnectionFailedError for a
    download that failed.
    """
    files = FILES[category]
    questions, origin = _content(files.questions, files.questions_sha256, choice)
    if not files.answers:
        return questions, None, origin
    return questions, _content(files.answers, files.answers_sha256, choice)[0], origin


def _content(name: str, digest: str, choice: Choice) -> tuple[bytes, str]:
    hub = _HUB.fullmatch(str(choice.data)) if choice.data else None
    if choice.data and not hub:
        return checked(read_file(choice.data.expanduser() / name), digest, str(choice.data / name)), str(choice.data)
    kept = choice.cache / "bfcl" / f"v4-{COMMIT[:7]}" / name if choice.cache else None
    if kept and kept.is_file():
        return checked(kept.read_bytes(), digest, str(kept)), str(kept.parent)
    if choice.offline:
        raise ConfigurationError(
            f"The data of BFCL is not here, and downloads are forbidden: {name}",
            hint="Give its folder with --data, or run bfcl/small, which is part of this package.",
        )
    if hub:
        content, origin = from_hub(hub["repository"], hub["revision"], name), str(choice.data)
    else:
        content, origin = from_web(f"{UPSTREAM}/{name}"), f"github.com/ShishirPatil/gorilla@{COMMIT[:7]}"
    checked(content, digest, origin)
    if kept:
        _keep(kept, content)
    return content, origin


def checked(content: bytes, digest: str, source: str) -> bytes:
    """The content itself. Raises ConfigurationError where its SHA-256 is another."""
    found = sha256(content)
    if found != digest:
        raise ConfigurationError(
            f"{source} is not the file of BFCL {VERSION}: its SHA-256 is {found[:16]}, not {digest[:16]}.",
            hint="Scores of other data cannot be compared. Give the files of bfcl-eval 2026.3.23, unchanged.",
        )
    return content


def from_hub(repository: str, revision: str, name: str, endpoint: str | None = None) -> bytes:
    """A file of a dataset on the Hub at a commit. Raises ConfigurationError, ConnectionFailedError."""
    import huggingface_hub
    from huggingface_hub import errors

    library: Any = huggingface_hub  # half typed
    try:
        path = library.hf_hub_download(repository, name, repo_type="dataset", revision=revision, endpoint=endpoint)
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


def _keep(path: Path, content: bytes) -> None:
    """Whole or not at all: what is half written is never read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    part.write_bytes(content)
    part.replace(path)
