"""A Space as it is on the Hub now, read once and all at one commit."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from unified_intelligence.entities.errors import ConfigurationError, NotFoundOrPrivateError
from unified_intelligence.entities.space import SpaceInfo, SpaceRuntime, SpaceSecret, SpaceVariable, TreeFile
from unified_intelligence.interfaces.space_host import ISpaceHost
from unified_intelligence.spaces.content import FILE_NAME, Deployment, parse_deployment

HOSTS_OWN = frozenset({".gitattributes"})
"""Files that the Hub keeps for itself, such as the list of what is in LFS: never compared, never removed."""
_BLANK = HOSTS_OWN | {"README.md"}


@dataclass(frozen=True, slots=True)
class ObservedSpace:
    """`record` is what the committed deployment.json says; None for a Space that was not deployed by us."""

    info: SpaceInfo
    tree: Mapping[str, TreeFile]
    runtime: SpaceRuntime
    variables: Mapping[str, SpaceVariable]
    secrets: Mapping[str, SpaceSecret]
    record: Deployment | None

    @property
    def is_blank(self) -> bool:
        """Whether only the Hub's own files are there: creating was cut off before the first commit."""
        return self.tree.keys() <= _BLANK


def observe(host: ISpaceHost, space: str) -> ObservedSpace | None:
    """The Space as it is now; None where there is none, or none for this token. Raises ProviderError."""
    try:
        info = host.info(space)
    except NotFoundOrPrivateError:
        return None
    tree: Mapping[str, TreeFile] = host.tree(space, info.sha) if info.sha else {}
    return ObservedSpace(
        info=info,
        tree=tree,
        runtime=host.runtime(space),
        variables=host.variables(space),
        secrets=host.secrets(space),
        record=recorded(host, space, info.sha) if FILE_NAME in tree else None,
    )


def recorded(host: ISpaceHost, space: str, revision: str) -> Deployment | None:
    """What a revision says of itself; None where that is not one of our records."""
    try:
        return parse_deployment(host.read(space, FILE_NAME, revision))
    except (ConfigurationError, NotFoundOrPrivateError):
        return None


def unrecorded(host: ISpaceHost, space: str, revision: str, record: Deployment) -> list[str]:
    """The files of a revision that are not those of its record. What is not in LFS is fetched to be looked at."""
    tree = host.tree(space, revision)

    def digest(path: str) -> str:
        if path not in tree:
            return ""
        return tree[path].sha256 or hashlib.sha256(host.read(space, path, revision)).hexdigest()

    others = tree.keys() - record.files.keys() - HOSTS_OWN - {FILE_NAME}
    return sorted({path for path, wanted in record.files.items() if digest(path) != wanted} | others)
