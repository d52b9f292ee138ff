"""Which versions of a Space were found good: tags on the host, so that every machine knows them."""

from __future__ import annotations

import re
from collections.abc import Container, Mapping, Sequence

from unified_intelligence.entities.errors import ConfigurationError, StalePlanError
from unified_intelligence.entities.space import SpaceTag, TreeFile
from unified_intelligence.interfaces.space_host import ISpaceHost
from unified_intelligence.spaces.observe import HOSTS_OWN

PREFIX = "uic-good-"
_TRIES = 5


def good_versions(tags: Sequence[SpaceTag]) -> list[SpaceTag]:
    """The newest first."""
    numbered = [(int(tag.name[len(PREFIX) :]), tag) for tag in tags if re.fullmatch(rf"{PREFIX}\d+", tag.name)]
    return [tag for _, tag in sorted(numbered, key=lambda each: each[0], reverse=True)]


def last_good(tags: Sequence[SpaceTag], but_not: Container[str] = ()) -> SpaceTag | None:
    """The newest whose commit is none of `but_not`; None where there is none."""
    return next((tag for tag in good_versions(tags) if tag.sha not in but_not), None)


def version_of(host: ISpaceHost, space: str, tree: Mapping[str, TreeFile], tags: Sequence[SpaceTag]) -> SpaceTag | None:
    """The newest good version with exactly these files; None where there is none."""
    return next((tag for tag in good_versions(tags) if has_files(host, space, tag, tree)), None)


def has_files(host: ISpaceHost, space: str, tag: SpaceTag, tree: Mapping[str, TreeFile]) -> bool:
    """Whether the files of a tag are these, by what git calls each."""

    def ids(files: Mapping[str, TreeFile]) -> dict[str, str]:
        return {path: file.blob_id for path, file in files.items() if path not in HOSTS_OWN}

    return ids(host.tree(space, tag.sha)) == ids(tree)


def before(
    host: ISpaceHost, space: str, sha: str, tree: Mapping[str, TreeFile], tags: Sequence[SpaceTag]
) -> SpaceTag | None:
    """What a Space that is at `sha` goes back to: the newest good version that was not gone back from already.

    That is one from before the first time that it had the files it has now. A version that was never good, though an
    old one had its files, goes back to the newest with others.
    """
    good = good_versions(tags)
    same = [has_files(host, space, tag, tree) for tag in good]
    others = [tag for tag, is_same in zip(good, same, strict=True) if not is_same]
    if True not in same:
        return good[0] if good else None
    older = good[len(same) - same[::-1].index(True) :]
    if older or any(tag.sha == sha for tag in good):
        return older[0] if older else None
    return others[0] if others else None


def chosen(tags: Sequence[SpaceTag], name: str) -> SpaceTag:
    """A tag by its name, its number, or the beginning of its commit. Raises ConfigurationError."""
    good = good_versions(tags)
    for tag in good:
        if name in {tag.name, tag.name[len(PREFIX) :]} or (len(name) >= 7 and tag.sha.startswith(name)):
            return tag
    listed = ", ".join(tag.name for tag in good[:5]) or "none"
    raise ConfigurationError(f"There is no good version {name!r}.", hint=f"The last ones: {listed}.")


def mark_good(host: ISpaceHost, space: str, sha: str) -> str:
    """The tag of this commit, made now unless the newest tag is of it already."""
    for _ in range(_TRIES):
        good = good_versions(host.tags(space))
        if good and good[0].sha == sha:
            return good[0].name
        name = f"{PREFIX}{int(good[0].name[len(PREFIX) :]) + 1 if good else 1}"
        try:
            host.tag(space, name, sha)
        except StalePlanError:
            continue  # somebody else took the number meanwhile
        return name
    raise StalePlanError(f"No tag of {space} stays free long enough to be made.", hint="Verify again: uic space verify")
