"""What a deployment consists of, as one number: so that the running code can be held against the pushed code.

`deployment.json` lies beside the files and says what they were when they were put together. Whoever runs them computes
the digest again, from the files that are there.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import cast

from unified_intelligence.entities.errors import ConfigurationError

FILE_NAME = "deployment.json"
_SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Deployment:
    """`files` are SHA-256 digests in hexadecimal by path, `source` the revision of the repository they came from.

    `settings` is what the files are meant to run with: hardware, variables, names of secrets, volumes. The digest does
    not cover it: the running code cannot see all of it. `checks` are the contract and the smoke requests that the files
    were to meet: who goes back to them asks for no more.
    """

    files: Mapping[str, str]
    source: str = ""
    settings: Mapping[str, object] = field(default_factory=dict[str, object])
    checks: Mapping[str, object] = field(default_factory=dict[str, object])

    @property
    def digest(self) -> str:
        """SHA-256 over the sorted paths and digests; of the same files it is the same everywhere."""
        lines = (f"{path}\0{digest}\n" for path, digest in sorted(self.files.items()))
        return hashlib.sha256("".join(lines).encode()).hexdigest()

    def text(self) -> str:
        """What `deployment.json` holds."""
        content: dict[str, object] = {"schema": _SCHEMA, "content_digest": self.digest, "source": self.source}
        content["files"] = dict(self.files)
        if self.settings:
            content["settings"] = dict(self.settings)
        if self.checks:
            content["checks"] = dict(self.checks)
        return json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def deployment_of(
    files: Mapping[str, bytes],
    source: str = "",
    settings: Mapping[str, object] | None = None,
    checks: Mapping[str, object] | None = None,
) -> Deployment:
    """The deployment of these contents by path; `deployment.json` itself does not count."""
    digests = {path: hashlib.sha256(content).hexdigest() for path, content in files.items() if path != FILE_NAME}
    return Deployment(digests, source, settings or {}, checks or {})


def read_deployment(path: Path) -> Deployment:
    """What was recorded. Raises ConfigurationError for a file that is not one of ours."""
    try:
        text = path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}.") from error
    return parse_deployment(text, str(path))


def parse_deployment(text: bytes, path: str = FILE_NAME) -> Deployment:
    """The same of a file's content."""
    try:
        content = json.loads(text.decode())
        files = {str(name): str(digest) for name, digest in cast("dict[str, object]", content["files"]).items()}
        settings = cast("dict[str, object]", content.get("settings", {}))
        checks = cast("dict[str, object]", content.get("checks", {}))
        deployment = Deployment(files, str(content["source"]), dict(settings), dict(checks))
        recorded = content["content_digest"]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigurationError(f"{path} is not a record of a deployment.") from error
    outside = [name for name in files if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts]
    if outside or recorded != deployment.digest:
        raise ConfigurationError(f"{path} contradicts itself.", hint="Put the deployment together again.")
    return deployment


def found_beside(path: Path, recorded: Deployment) -> Deployment:
    """The recorded files as they are now, beside `path`. One that is not there has the digest `missing`."""

    def digest(name: str) -> str:
        try:
            return hashlib.sha256((path.parent / name).read_bytes()).hexdigest()
        except OSError:
            return "missing"

    return Deployment({name: digest(name) for name in recorded.files}, recorded.source)


def told(path: Path) -> dict[str, object]:
    """What /version says of a deployment: the digest of the files that are there, and which differ from the record."""
    recorded = read_deployment(path)
    found = found_beside(path, recorded)
    changed = sorted(name for name, digest in found.files.items() if digest != recorded.files[name])
    return {
        "content_digest": found.digest,
        "recorded_digest": recorded.digest,
        "changed_files": changed,
        "source": recorded.source,
    }
