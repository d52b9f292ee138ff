"""Whose Python may run beside a model: nobody's, unless the model was named together with one commit of it.

A branch or a tag is a name that its owner can move to other code; a commit is what somebody can have read. A folder has
no commit, so that a digest of its Python files stands for one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import cast

from unified_intelligence.engine.json_files import read_object
from unified_intelligence.entities.errors import ConfigurationError, ModelNotFoundError

_COMMIT = re.compile(r"[0-9a-f]{40}")
_OPTION = "-o trust_remote_code"


def commits(allowed: Iterable[str]) -> Mapping[str, str]:
    """The commit of each model that may bring code. Raises ConfigurationError for what is no MODEL@COMMIT."""
    found: dict[str, str] = {}
    for text in allowed:
        model, _, commit = text.rpartition("@")
        if not model or not _COMMIT.fullmatch(commit):
            raise ConfigurationError(
                f"The option trust_remote_code names a model at a commit, MODEL@COMMIT, and {text!r} is none: a commit "
                "has 40 digits from 0 to f. A branch or a tag can be moved to other code, so neither is trusted.",
                hint="Read the code at one commit, and give that.",
            )
        found[_named(model)] = commit
    return found


def commit_of(model: str, trusted: Mapping[str, str]) -> str | None:
    """The commit at which the code of a model may run, None where none may."""
    return trusted.get(_named(model))


def digest(folder: Path) -> str:
    """40 digits that change with every change of a Python file in a folder."""
    total = sha256()
    for path in sorted(folder.rglob("*.py")):
        total.update(f"{path.relative_to(folder).as_posix()} {sha256(path.read_bytes()).hexdigest()}\n".encode())
    return total.hexdigest()[:40]


def check_code(folder: Path, commit: str | None = None, *, of_hub: bool = False) -> bool:
    """Refuses a model that brings Python of its own, here or in a repository its config names; True if it may run.

    It may if the folder has that digest, or if it is what the cache of the Hub keeps of that commit.
    Raises ConfigurationError, ModelNotFoundError when the folder holds no model.
    """
    if not (folder / "config.json").is_file():
        if (folder / "adapter_config.json").is_file():
            hint = f"Give its base as the model, and -o adapters NAME={folder}"
            raise ModelNotFoundError(f"{folder} holds an adapter, not a model.", hint=hint)
        raise ModelNotFoundError(f"{folder} holds no config.json.", hint="Give the folder of a Transformers model.")
    brings, own = False, folder.name if of_hub else ""
    for path in (folder / "config.json", folder / "tokenizer_config.json", folder / "adapter_config.json"):
        if path.is_file() and (found := _code_in(read_object(path))):
            brings = True
            own = own or digest(folder)
            _check(path, *found, own, commit)
    return brings


def _check(path: Path, key: str, code: object, own: str, commit: str | None) -> None:
    """`own` is the commit or digest of what the folder holds."""
    folder = path.parent
    if key != "auto_map" or "--" in str(code):
        raise ConfigurationError(
            f"{path} asks to run code of another repository ({key}); that is never done here.",
            hint="Choose a model whose architecture is part of transformers.",
        )
    if commit is None:
        raise ConfigurationError(
            f"{path} asks to run code that comes with the model ({key}); that is not done unasked.",
            hint="Choose a model whose architecture is part of transformers. "
            f"If you have read its code: {_OPTION} {_hub_id(folder) or folder}@{own}",
        )
    if own != commit:
        raise ConfigurationError(
            f"The code in {folder} is not what was trusted: it is {own}, not {commit}.",
            hint=f"Read it again, and give that: {_OPTION}",
        )


def _named(model: str) -> str:
    """A folder by its whole path, a Hub id as it is."""
    path = Path(model).expanduser()
    return str(path.resolve()) if path.is_dir() else model


def _hub_id(folder: Path) -> str:
    """The Hub id of a folder in the Hub's cache, "" for any other folder."""
    kept = folder.parents[1].name if len(folder.parents) > 1 and folder.parent.name == "snapshots" else ""
    return kept.removeprefix("models--").replace("--", "/", 1) if kept.startswith("models--") else ""


def _code_in(value: object) -> tuple[str, object] | None:
    """The key that would have code loaded, and what it names: `auto_map`, or an attention kernel of a repository."""
    if not isinstance(value, dict):
        return None
    found = None
    for key, member in cast("dict[str, object]", value).items():
        if "attn_implementation" in key and "/" in str(member):
            return key, member
        if key == "auto_map":
            found = _worse(found, (key, member))
        elif inner := _code_in(member):
            found = _worse(found, inner)
    return found


def _worse(one: tuple[str, object] | None, other: tuple[str, object]) -> tuple[str, object]:
    """The worse of two keys that name code: the one that is refused in any case."""
    return one if one and (one[0] != "auto_map" or "--" in str(one[1])) else other
