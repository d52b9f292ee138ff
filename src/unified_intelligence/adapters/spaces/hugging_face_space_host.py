"""The Hugging Face Hub as a host of Spaces, over huggingface_hub.

A commit is one call of create_commit: upload_folder may make several, and then a half-uploaded tree is built.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any, TypeVar, cast

import httpx2
import huggingface_hub
from huggingface_hub import CommitOperationAdd, CommitOperationCopy, CommitOperationDelete, HfApi, Volume, constants
from huggingface_hub.hf_api import RepoFile
from huggingface_hub.utils import hf_raise_for_status

from unified_intelligence.adapters.addresses import HUB
from unified_intelligence.adapters.spaces.hub_failures import Call, asked
from unified_intelligence.entities.errors import ProviderError
from unified_intelligence.entities.space import (
    AddFile,
    Change,
    CopyFile,
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
from unified_intelligence.interfaces.space_host import BRANCH, ISpaceHost

_TRIES = 4
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0
_CONNECT, _IDLE = 10.0, 120.0  # seconds; the library itself would wait for ever
_IN_AN_HOUR: Mapping[str, float] = {"second": 3600, "minute": 60, "hour": 1}
Result = TypeVar("Result")


class HuggingFaceSpaceHost(ISpaceHost):
    """`token` None is the one of `hf auth login` or of trusted publishing, as the library finds it. `account` is whose
    it is, where that is known: a token of trusted publishing may not ask.

    At another address than the Hub's, large files go the plain way of LFS: a stand-in has no Xet.
    """

    def __init__(
        self,
        *,
        token: str | None = None,
        endpoint: str = HUB,
        account: str = "",
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._account = account
        self._endpoint = endpoint.rstrip("/")
        self._api = HfApi(endpoint=self._endpoint, token=token)
        self._hidden = (token,) if token else ()
        self._sleep = sleep
        if self._endpoint != HUB:
            constants.HF_HUB_DISABLE_XET = True
        huggingface_hub.set_client_factory(_client)
        huggingface_hub.utils.disable_progress_bars()

    @property
    def endpoint(self) -> str:
        return self._endpoint

    def token(self) -> str | None:
        """The token that is sent, wherever it is from; None where there is none."""
        return self._api.token if isinstance(self._api.token, str) else huggingface_hub.get_token()

    def account(self) -> str:
        api = cast("Any", self._api)
        return self._account or str(self._again(lambda: api.whoami()["name"], "tell whose token it is"))

    def info(self, space: str) -> SpaceInfo:
        def read() -> SpaceInfo:
            told = self._api.space_info(space)
            visibility = cast("object", vars(told).get("visibility")) or ("private" if told.private else "public")
            return SpaceInfo(told.id, told.sha or "", told.sdk or "", cast("Visibility", visibility), told.host or "")

        return self._again(read, f"read {space}")

    def tree(self, space: str, revision: str = BRANCH) -> Mapping[str, TreeFile]:
        def read() -> dict[str, TreeFile]:
            entries = self._api.list_repo_tree(space, recursive=True, revision=revision, repo_type="space")
            files = (entry for entry in entries if isinstance(entry, RepoFile))
            return {
                each.path: TreeFile(each.path, each.size, each.blob_id, each.lfs.sha256 if each.lfs else None)
                for each in files
            }

        return self._again(read, f"list the files of {space}")

    def read(self, space: str, path: str, revision: str = BRANCH) -> bytes:
        url = huggingface_hub.hf_hub_url(space, path, repo_type="space", revision=revision, endpoint=self._endpoint)

        def read() -> bytes:
            headers = cast("Any", huggingface_hub.utils).build_hf_headers(token=self._api.token)
            response = huggingface_hub.get_session().get(url, headers=headers)
            hf_raise_for_status(response)
            return response.content

        return self._again(read, f"read {path} of {space}")

    def runtime(self, space: str) -> SpaceRuntime:
        api = cast("Any", self._api)
        return self._again(lambda: _runtime(api.get_space_runtime(space).raw), f"read the state of {space}")

    def variables(self, space: str) -> Mapping[str, SpaceVariable]:
        told = self._again(lambda: self._api.get_space_variables(space), f"read the variables of {space}")
        return {name: SpaceVariable(name, each.value, each.description, each.updated_at) for name, each in told.items()}

    def secrets(self, space: str) -> Mapping[str, SpaceSecret]:
        told = self._again(lambda: self._api.get_space_secrets(space), f"list the secrets of {space}")
        return {name: SpaceSecret(name, each.description, each.updated_at) for name, each in told.items()}

    def tags(self, space: str) -> Sequence[SpaceTag]:
        told = self._again(lambda: self._api.list_repo_refs(space, repo_type="space"), f"list the tags of {space}")
        return [SpaceTag(tag.name, tag.target_commit) for tag in told.tags]

    def prices(self) -> Mapping[str, HardwarePrice]:
        told = self._again(self._api.list_spaces_hardware, "tell what hardware costs")
        return {
            each.name: HardwarePrice(
                each.name, each.pretty_name, round(each.unit_cost_usd * _IN_AN_HOUR.get(each.unit_label, 1), 4)
            )
            for each in told
        }

    def logs(self, space: str, kind: LogKind = "run", *, follow: bool = False) -> Iterator[str]:
        lines = self._api.fetch_space_logs(space, build=kind == "build", follow=follow)
        with closing(cast("Any", iter(lines))) as stream:
            while (line := self._once(lambda: next(stream, None), f"read the logs of {space}")) is not None:
                yield line.rstrip("\n")

    def create(self, new: NewSpace) -> None:
        secrets = [
            {"key": secret.name, "value": secret.value, "description": secret.description} for secret in new.secrets
        ]
        variables = [{"key": name, "value": value} for name, value in new.variables.items()]
        self._once(
            lambda: self._api.create_repo(
                new.id,
                repo_type="space",
                visibility=new.visibility,
                space_sdk=new.sdk,
                space_hardware=cast("Any", new.hardware),
                space_sleep_time=new.sleep_time,
                space_secrets=secrets or None,
                space_variables=variables or None,
                space_volumes=_volumes(new.volumes) or None,
            ),
            f"create {new.id}",
            carries_secrets=bool(secrets),
        )

    def commit(self, space: str, new: NewCommit) -> str:
        return self._once(
            lambda: (
                self._api.create_commit(
                    space,
                    [_operation(change) for change in new.changes],
                    commit_message=new.summary,
                    commit_description=new.description,
                    repo_type="space",
                    revision=BRANCH,
                    parent_commit=new.parent,
                ).oid
            ),
            f"commit to {space}",
        )

    def set_variable(self, space: str, name: str, value: str) -> None:
        self._again(lambda: self._api.add_space_variable(space, name, value), f"set the variable {name} of {space}")

    def delete_variable(self, space: str, name: str) -> None:
        self._again(lambda: self._api.delete_space_variable(space, name), f"remove the variable {name} of {space}")

    def set_secret(self, space: str, secret: NewSecret) -> None:
        self._again(
            lambda: self._api.add_space_secret(space, secret.name, secret.value, description=secret.description),
            f"set the secret {secret.name} of {space}",
            carries_secrets=True,
        )

    def delete_secret(self, space: str, name: str) -> None:
        self._again(lambda: self._api.delete_space_secret(space, name), f"remove the secret {name} of {space}")

    def set_hardware(self, space: str, hardware: str, sleep_time: int | None = None) -> None:
        self._again(
            lambda: self._api.request_space_hardware(space, cast("Any", hardware), sleep_time=sleep_time),
            f"move {space} to {hardware}",
        )

    def set_sleep_time(self, space: str, seconds: int) -> None:
        self._again(lambda: self._api.set_space_sleep_time(space, seconds), f"set the sleep time of {space}")

    def set_visibility(self, space: str, visibility: Visibility) -> None:
        self._again(
            lambda: self._api.update_repo_settings(space, visibility=visibility, repo_type="space"),
            f"make {space} {visibility}",
        )

    def set_volumes(self, space: str, volumes: Sequence[SpaceVolume]) -> None:
        if volumes:
            self._again(lambda: self._api.set_space_volumes(space, _volumes(volumes)), f"mount the volumes of {space}")
        else:
            self._again(lambda: self._api.delete_space_volumes(space), f"unmount the volumes of {space}")

    def restart(self, space: str, *, factory: bool = False) -> None:
        self._once(lambda: self._api.restart_space(space, factory_reboot=factory), f"restart {space}")

    def pause(self, space: str) -> None:
        self._again(lambda: self._api.pause_space(space), f"pause {space}")

    def tag(self, space: str, name: str, revision: str) -> None:
        self._once(
            lambda: self._api.create_tag(space, tag=name, revision=revision, repo_type="space"),
            f"tag {space} as {name}",
        )

    def delete_tag(self, space: str, name: str) -> None:
        self._again(
            lambda: self._api.delete_tag(space, tag=name, repo_type="space"), f"remove the tag {name} of {space}"
        )

    def _once(self, work: Callable[[], Result], doing: str, *, carries_secrets: bool = False) -> Result:
        return asked(work, Call(doing, self._endpoint, self._hidden, carries_secrets))

    def _again(self, work: Callable[[], Result], doing: str, *, carries_secrets: bool = False) -> Result:
        """Does what may be done twice, and does it again where the failure may pass, after the time that the Hub asks
        for.
        """
        pause = _FIRST_PAUSE
        for _ in range(_TRIES - 1):
            try:
                return self._once(work, doing, carries_secrets=carries_secrets)
            except ProviderError as error:
                wait = pause if error.retry_after is None else error.retry_after
                if not error.retryable or wait > _LONGEST_PAUSE:
                    raise
            self._sleep(wait)
            pause = min(_LONGEST_PAUSE, pause * 3)
        return self._once(work, doing, carries_secrets=carries_secrets)


def _client() -> httpx2.Client:
    """The library's own, which waits for ever, with limits."""
    client = huggingface_hub.utils._http.default_client_factory()  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] its hooks are needed
    client.timeout = httpx2.Timeout(_IDLE, connect=_CONNECT)
    return client


def _runtime(raw: dict[str, Any]) -> SpaceRuntime:
    hardware: dict[str, Any] = raw.get("hardware") or {}
    volumes = tuple(
        SpaceVolume(
            each.get("type", "model"), each["source"], each["mountPath"], each.get("revision"), each.get("readOnly"),
            each.get("path"),
        )
        for each in raw.get("volumes") or ()
    )  # fmt: skip
    return SpaceRuntime(
        stage=str(raw["stage"]),
        hardware=hardware.get("current"),
        requested_hardware=hardware.get("requested"),
        sha=raw.get("sha"),
        error_message=raw.get("errorMessage"),
        sleep_time=raw.get("gcTimeout"),
        volumes=volumes,
        raw=raw,
    )


def _volumes(volumes: Sequence[SpaceVolume]) -> list[Volume]:
    return [
        Volume(
            type=each.kind, source=each.source, mount_path=each.mount_path, revision=each.revision,
            read_only=each.read_only, path=each.path,
        )
        for each in volumes
    ]  # fmt: skip


def _operation(change: Change) -> CommitOperationAdd | CommitOperationCopy | CommitOperationDelete:
    if isinstance(change, AddFile):
        return CommitOperationAdd(change.path, change.content)
    if isinstance(change, CopyFile):
        return CommitOperationCopy(change.source_path, change.path, src_revision=change.source_revision)
    return CommitOperationDelete(change.path, is_folder=False)
