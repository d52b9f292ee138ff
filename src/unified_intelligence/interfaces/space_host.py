"""The seam to whoever hosts Spaces: what a deployment reads there, and what it changes.

Every method waits; none keeps state between calls. A failure is a ProviderError with its remedy in `hint`:
NotFoundOrPrivateError, AuthenticationError, PaymentRequiredError, RateLimitedError, ServerBusyError, ServerFailedError,
ConnectionFailedError, TimedOutError; and StalePlanError where somebody else was faster. Reading and setting are
tried again where that can help; a commit never is, so that none is made twice.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence

from unified_intelligence.entities.space import (
    HardwarePrice,
    LogKind,
    NewCommit,
    NewSecret,
    NewSpace,
    SpaceInfo,
    SpaceRuntime,
    SpaceSecret,
    SpaceTag,
    SpaceVariable,
    SpaceVolume,
    TreeFile,
    Visibility,
)

BRANCH = "main"


class ISpaceHost(ABC):
    """A host of Spaces, seen by one account. `space` is OWNER/NAME everywhere."""

    @property
    @abstractmethod
    def endpoint(self) -> str:
        """Its address, without a slash at the end."""

    @abstractmethod
    def account(self) -> str:
        """The name of the account that the token is of. Raises AuthenticationError without one."""

    @abstractmethod
    def info(self, space: str) -> SpaceInfo:
        """Raises NotFoundOrPrivateError where there is none."""

    @abstractmethod
    def tree(self, space: str, revision: str = BRANCH) -> Mapping[str, TreeFile]:
        """All files by path."""

    @abstractmethod
    def read(self, space: str, path: str, revision: str = BRANCH) -> bytes:
        """A file's content. Raises NotFoundOrPrivateError where it is not there."""

    @abstractmethod
    def runtime(self, space: str) -> SpaceRuntime: ...

    @abstractmethod
    def variables(self, space: str) -> Mapping[str, SpaceVariable]: ...

    @abstractmethod
    def secrets(self, space: str) -> Mapping[str, SpaceSecret]: ...

    @abstractmethod
    def tags(self, space: str) -> Sequence[SpaceTag]: ...

    @abstractmethod
    def prices(self) -> Mapping[str, HardwarePrice]:
        """Every hardware that can be asked for, by its name."""

    @abstractmethod
    def logs(self, space: str, kind: LogKind = "run", *, follow: bool = False) -> Iterator[str]:
        """Lines as the host tells them; with `follow` as they come, until it ends the stream."""

    @abstractmethod
    def create(self, new: NewSpace) -> None:
        """Raises StalePlanError if there is one of that name already."""

    @abstractmethod
    def commit(self, space: str, new: NewCommit) -> str:
        """The new commit's id. All of it or nothing. Raises StalePlanError if the parent is not the newest any more."""

    @abstractmethod
    def set_variable(self, space: str, name: str, value: str) -> None: ...

    @abstractmethod
    def delete_variable(self, space: str, name: str) -> None: ...

    @abstractmethod
    def set_secret(self, space: str, secret: NewSecret) -> None: ...

    @abstractmethod
    def delete_secret(self, space: str, name: str) -> None: ...

    @abstractmethod
    def set_hardware(self, space: str, hardware: str, sleep_time: int | None = None) -> None:
        """Sets both in one call: a Space that moves never runs without its sleep time."""

    @abstractmethod
    def set_sleep_time(self, space: str, seconds: int) -> None:
        """-1 is never."""

    @abstractmethod
    def set_visibility(self, space: str, visibility: Visibility) -> None: ...

    @abstractmethod
    def set_volumes(self, space: str, volumes: Sequence[SpaceVolume]) -> None:
        """Mounts these volumes and no others."""

    @abstractmethod
    def restart(self, space: str, *, factory: bool = False) -> None:
        """Restarts it; with `factory` it is built anew, without what is cached. Wakes what sleeps or is paused."""

    @abstractmethod
    def pause(self, space: str) -> None: ...

    @abstractmethod
    def tag(self, space: str, name: str, revision: str) -> None:
        """Raises StalePlanError if there is a tag of that name already."""

    @abstractmethod
    def delete_tag(self, space: str, name: str) -> None: ...
