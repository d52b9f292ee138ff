"""The routes by which a repository is made and changed: create, preupload, large files, commit, tags, branches."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import re
from collections.abc import Iterator
from typing import Any, cast

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from unified_intelligence.spaces.patterns import Patterns, expression
from unified_intelligence.spaces.simulator.front_matter import complaints
from unified_intelligence.spaces.simulator.hub import KINDS, Hub
from unified_intelligence.spaces.simulator.keepers import Keepers
from unified_intelligence.spaces.simulator.refusals import RefusalError
from unified_intelligence.spaces.simulator.repository import MAIN, Change, Large
from unified_intelligence.spaces.simulator.requests import json_of, part, signed_in, stamp, token_of, writable

_LARGEST_REGULAR = 10 * 1024 * 1024
_SOMEBODY_ELSE = Change("somebody-else.txt", b"Changed by somebody else in between.\n")


class CommitRoutes:
    """The keepers are told of a new Space, of its commits on main, and of its end."""

    def __init__(self, hub: Hub, keepers: Keepers) -> None:
        self._hub, self._keepers = hub, keepers

    def routes(self) -> list[Route]:
        one = "/api/{kind}/{owner}/{name}"
        return [
            Route("/api/whoami-v2", self.whoami, methods=["GET"]),
            Route("/oauth/token", self.trust, methods=["POST"]),
            Route("/api/validate-yaml", self.validate_yaml, methods=["POST"]),
            Route("/api/repos/create", self.create, methods=["POST"]),
            Route("/api/repos/delete", self.delete, methods=["DELETE"]),
            Route(f"{one}/preupload/{{revision}}", self.preupload, methods=["POST"]),
            Route(f"{one}/commit/{{revision}}", self.commit, methods=["POST"]),
            Route(f"{one}/tag/{{revision}}", self.add_tag, methods=["POST"]),
            Route(f"{one}/tag/{{revision}}", self.delete_tag, methods=["DELETE"]),
            Route(f"{one}/branch/{{branch}}", self.add_branch, methods=["POST"]),
            Route(f"{one}/branch/{{branch}}", self.delete_branch, methods=["DELETE"]),
            Route(f"{one}/xet-write-token/{{revision}}", self.no_xet, methods=["GET"]),
        ]

    async def whoami(self, request: Request) -> Response:
        signed_in(request)
        owner = self._hub.owner
        others = {name.partition("/")[0] for kind in KINDS for name in self._hub.names(kind)} - {owner}
        orgs = [{"type": "org", "name": name, "fullname": name, "isEnterprise": False} for name in sorted(others)]
        token = {"displayName": "local", "role": "write"}
        return JSONResponse({
            "type": "user", "id": "0", "name": owner, "fullname": owner, "isPro": True, "orgs": orgs,
            "auth": {"type": "access_token", "accessToken": token},
        })  # fmt: skip

    async def trust(self, request: Request) -> Response:
        """A token for the job of a trusted publisher, whatever it says that it is."""
        given = await json_of(request)
        if not given.get("subject_token") or not given.get("resource"):
            raise RefusalError(400, "subject_token and resource are needed.")
        return JSONResponse({"access_token": "hf_jwt_local", "token_type": "bearer", "expires_in": 3600})

    async def validate_yaml(self, request: Request) -> Response:
        given = await json_of(request)
        errors, warnings = complaints(str(given.get("content", "")), str(given.get("repoType", "model")))
        told = {"errors": [{"message": text} for text in errors], "warnings": [{"message": text} for text in warnings]}
        return JSONResponse(told, 400 if errors else 200)

    async def create(self, request: Request) -> Response:
        signed_in(request)
        given = await json_of(request)
        kind, name = self._given_name(given)
        told = {"url": f"{request.base_url}{'' if kind == 'models' else f'{kind}/'}{name}", "name": name, "id": name}
        try:
            self._hub.create(kind, name, given)
        except RefusalError as error:
            error.body |= told if error.status == 409 else {}  # a client that does not mind reads the address
            raise
        if kind == "spaces":
            await self._keepers.add(name)
        return JSONResponse(told)

    async def delete(self, request: Request) -> Response:
        signed_in(request)
        kind, name = self._given_name(await json_of(request))
        self._hub.repository(kind, name)
        if kind == "spaces":
            await self._keepers.remove(name)
        self._hub.delete(kind, name)
        return Response(status_code=200)

    def _given_name(self, given: dict[str, Any]) -> tuple[str, str]:
        kind = f"{given.get('type') or 'model'}s"
        if kind not in KINDS:
            raise RefusalError(400, f"A repository is a model, a dataset or a space, not {given.get('type')!r}.")
        return kind, f"{given.get('organization') or self._hub.owner}/{given.get('name')}"

    async def preupload(self, request: Request) -> Response:
        """Which files go by which way, which are ignored, and what is there of them already."""
        _, _, repository = writable(self._hub, request)
        given = await json_of(request)
        present = repository.files(repository.resolve(part(request, "revision")))

        def text_of(name: str) -> str:
            return repository.read(present[name]).decode("utf-8", "replace") if name in present else ""

        ignored = Patterns(str(given.get("gitIgnore", text_of(".gitignore"))).splitlines())
        large = large_files(text_of(".gitattributes"))
        told: list[dict[str, Any]] = []
        for file in cast("list[dict[str, Any]]", given.get("files", [])):
            path = str(file["path"])
            mode = "lfs" if any(own.fullmatch(path) for own in large) or _is_large(file) else "regular"
            entry = present.get(path)
            oid = (entry.large.sha256 if entry.large else entry.oid) if entry else None
            told.append({"path": path, "uploadMode": mode, "shouldIgnore": ignored.match(path), "oid": oid})
        return JSONResponse({"files": told})

    async def commit(self, request: Request) -> Response:
        kind, name, repository = writable(self._hub, request)
        branch = part(request, "revision")
        if request.query_params.get("create_pr") or request.query_params.get("hot_reload"):
            raise RefusalError(400, "This local Hub has no pull requests and no hot reload.")
        body = await request.body()
        header, changes = await asyncio.to_thread(_read_commit, body)
        if kind == "spaces" and self._hub.faults.take("overtaken", name):
            self._hub.commit(kind, name, [_SOMEBODY_ELSE], ("Something else", ""), branch=branch)
        words = str(header.get("summary", "")), str(header.get("description", ""))
        parent = str(header.get("parentCommit") or "")
        oid = self._hub.commit(kind, name, changes, words, branch=branch, parent=parent)
        if kind == "spaces" and branch == MAIN:
            self._hub.faults.on_commit(name, oid)
            self._keepers.of(name).committed(oid)
        if kind == "spaces" and self._hub.faults.take("lost_answer", name):
            raise RefusalError(502, "Bad Gateway")
        prefix = "" if kind == "models" else f"{kind}/"
        url = f"{request.base_url}{prefix}{name}/commit/{oid}"
        date = stamp(repository.commit_of(oid).date)
        return JSONResponse({"success": True, "commitOid": oid, "commitUrl": url, "hookOutput": "", "date": date})

    async def add_tag(self, request: Request) -> Response:
        _, _, repository = writable(self._hub, request)
        tag = str((await json_of(request)).get("tag", ""))
        repository.add_ref("tags", tag, repository.resolve(part(request, "revision")))
        return Response(status_code=201)

    async def delete_tag(self, request: Request) -> Response:
        _, _, repository = writable(self._hub, request)
        repository.delete_ref("tags", part(request, "revision"))
        return Response(status_code=200)

    async def add_branch(self, request: Request) -> Response:
        _, _, repository = writable(self._hub, request)
        start = str((await json_of(request)).get("startingPoint") or MAIN)
        repository.add_ref("heads", part(request, "branch"), repository.resolve(start))
        return Response(status_code=201)

    async def delete_branch(self, request: Request) -> Response:
        _, _, repository = writable(self._hub, request)
        repository.delete_ref("heads", part(request, "branch"))
        return Response(status_code=200)

    async def no_xet(self, request: Request) -> Response:
        token_of(request)
        raise RefusalError(
            404, "This local Hub has no Xet storage: set HF_HUB_DISABLE_XET=1 before huggingface_hub is imported."
        )


def large_files(attributes: str) -> list[re.Pattern[str]]:
    """The patterns of a .gitattributes that say `filter=lfs`."""
    lines = (line.split() for line in attributes.splitlines() if line and not line.startswith("#"))
    return [expression(words[0]) for words in lines if "filter=lfs" in words[1:]]


def _is_large(file: dict[str, Any]) -> bool:
    """Whether it goes into LFS: by its size, or because its first bytes are no text."""
    try:
        sample = base64.b64decode(str(file.get("sample", "")))
    except binascii.Error:
        sample = b""
    return int(file.get("size", 0)) > _LARGEST_REGULAR or b"\0" in sample


def _read_commit(body: bytes) -> tuple[dict[str, Any], list[Change]]:
    """The header and the operations. Raises RefusalError for what is none."""
    try:
        items = [cast("dict[str, Any]", json.loads(line)) for line in body.splitlines() if line.strip()]
        headers = [cast("dict[str, Any]", item["value"]) for item in items if item["key"] == "header"]
        return headers[0] if headers else {}, list(_changes(items))
    except (ValueError, KeyError, TypeError) as error:
        raise RefusalError(400, f"The commit cannot be read: {error}") from error


def _changes(items: list[dict[str, Any]]) -> Iterator[Change]:
    for item in items:
        value = item["value"]
        match item["key"]:
            case "file":
                content = value["content"]
                is_plain = value.get("encoding") != "base64"
                yield Change(value["path"], content.encode() if is_plain else base64.b64decode(content, validate=True))
            case "lfsFile":
                yield Change(value["path"], Large(value["oid"], 0))
            case "deletedFile":
                yield Change(value["path"], None)
            case "deletedFolder":
                yield Change(value["path"].rstrip("/"), None, is_folder=True)
            case _:
                continue
