"""The routes by which a repository is read: its tree, its files, its history, and the storage of large files."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, cast
from urllib.parse import parse_qs, quote

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from unified_intelligence.spaces.simulator.git_objects import Node
from unified_intelligence.spaces.simulator.hub import Hub
from unified_intelligence.spaces.simulator.refusals import RefusalError, no_entry
from unified_intelligence.spaces.simulator.repository import Repository
from unified_intelligence.spaces.simulator.requests import json_of, named, part, readable, stamp, writable

_PAGE, _EXPANDED_PAGE = 1000, 50


class FileRoutes:
    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def routes(self) -> list[Route]:
        one = "/api/{kind}/{owner}/{name}"
        lfs = "/{owner}/{name}.git/info/lfs/objects"
        routes = [
            Route(f"{one}/tree/{{revision}}", self.tree, methods=["GET"]),
            Route(f"{one}/tree/{{revision}}/{{path:path}}", self.tree, methods=["GET"]),
            Route(f"{one}/paths-info/{{revision}}", self.paths_info, methods=["POST"]),
            Route(f"{one}/commits/{{revision}}", self.commits, methods=["GET"]),
            Route(f"{one}/refs", self.refs, methods=["GET"]),
        ]
        for prefix in ("/{kind}", ""):
            routes += [
                Route(f"{prefix}{lfs}/batch", self.lfs_batch, methods=["POST"]),
                Route(f"{prefix}{lfs}/verify", self.lfs_verify, methods=["POST"]),
                Route(f"{prefix}{lfs}/{{oid}}", self.lfs_put, methods=["PUT"]),
                Route(f"{prefix}/{{owner}}/{{name}}/resolve/{{revision}}/{{path:path}}", self.resolve),
            ]
        return routes

    async def tree(self, request: Request) -> Response:
        _, _, repository = readable(self._hub, request)
        commit = repository.resolve(part(request, "revision"))
        nodes, folder = repository.nodes(commit), part(request, "path").strip("/")
        if folder and not any(node.path == folder and node.is_folder for node in nodes):
            raise no_entry(folder, commit)
        inside = [node for node in nodes if not folder or node.path.startswith(f"{folder}/")]
        if not _asked(request, "recursive"):
            depth = folder.count("/") + 1 if folder else 0
            inside = [node for node in inside if node.path.count("/") == depth]
        expanded = _asked(request, "expand")
        first, most = int(request.query_params.get("cursor") or 0), _EXPANDED_PAGE if expanded else _PAGE
        page = inside[first : first + most]
        headers: dict[str, str] = {}
        if first + most < len(inside):
            following = request.url.include_query_params(cursor=first + most)
            headers["Link"] = f'<{following}>; rel="next"'
        return JSONResponse(_told(repository, page, commit if expanded else ""), headers=headers)

    async def paths_info(self, request: Request) -> Response:
        _, _, repository = readable(self._hub, request)
        commit = repository.resolve(part(request, "revision"))
        body = await request.body()
        if "json" in request.headers.get("Content-Type", ""):
            given = cast("list[str]", (await json_of(request)).get("paths", []))
        else:
            given = parse_qs(body.decode("utf-8", "replace")).get("paths", [])
        wanted = {path.strip("/") for path in given}
        return JSONResponse(_told(repository, [node for node in repository.nodes(commit) if node.path in wanted], ""))

    async def commits(self, request: Request) -> Response:
        _, _, repository = readable(self._hub, request)
        history = repository.history(repository.resolve(part(request, "revision")))
        return JSONResponse(
            [
                {
                    "id": commit.oid, "title": commit.title, "message": commit.message, "date": stamp(commit.date),
                    "authors": [{"user": commit.author}],
                }
                for commit in history
            ]
        )  # fmt: skip

    async def refs(self, request: Request) -> Response:
        _, _, repository = readable(self._hub, request)
        told = {
            list_name: [
                {"name": name, "ref": f"refs/{kind}/{name}", "targetCommit": commit}
                for name, commit in repository.refs(kind).items()
            ]
            for list_name, kind in (("branches", "heads"), ("tags", "tags"))
        }
        return JSONResponse({**told, "converts": [], "pullRequests": []})

    async def resolve(self, request: Request) -> Response:
        """A file's content; a large one is sent from here, where the Hub sends its reader on to a storage."""
        _, _, repository = readable(self._hub, request)
        commit = repository.resolve(part(request, "revision"))
        entry = repository.file(commit, part(request, "path"))
        tag = entry.large.sha256 if entry.large else entry.oid
        headers = {
            "ETag": f'"{tag}"',
            "X-Repo-Commit": commit,
            "Content-Disposition": f"inline; filename*=UTF-8''{quote(entry.path.rpartition('/')[2])}",
        }
        if entry.large:
            headers |= {"X-Linked-Etag": f'"{tag}"', "X-Linked-Size": str(entry.size)}
            path = repository.large_path(tag)
            return FileResponse(path, headers=headers, media_type="application/octet-stream")
        return Response(repository.read(entry), headers=headers, media_type="application/octet-stream")

    async def lfs_batch(self, request: Request) -> Response:
        """Where to put what is not there yet."""
        _, _, repository = writable(self._hub, request)
        given = await json_of(request)
        base = str(request.url).rpartition("/")[0]
        told: list[dict[str, Any]] = []
        for item in cast("list[dict[str, Any]]", given.get("objects", [])):
            oid, size = str(item["oid"]), int(item["size"])
            there = repository.large_path(oid).exists()
            actions = {"upload": {"href": f"{base}/{oid}"}, "verify": {"href": f"{base}/verify"}}
            told.append({"oid": oid, "size": size, **({} if there else {"actions": actions})})
        return JSONResponse({"transfer": "basic", "objects": told})

    async def lfs_put(self, request: Request) -> Response:
        """Writes into a file beside its place, moved there once its content is the one that was announced."""
        oid = part(request, "oid")
        place = self._hub.repository(*named(request)).large_path(oid)
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=place.parent, prefix=".new-") as beside:
            digest = hashlib.sha256()
            async for chunk in request.stream():
                digest.update(chunk)
                beside.write(chunk)
            if digest.hexdigest() != oid:
                raise RefusalError(400, f"The content is not the one of sha256 {oid}.")
            beside.flush()
            with suppress(FileExistsError):
                os.link(beside.name, place)
        return Response(status_code=200)

    async def lfs_verify(self, request: Request) -> Response:
        _, _, repository = writable(self._hub, request)
        given = await json_of(request)
        place = repository.large_path(str(given.get("oid", "")))
        if not place.exists() or place.stat().st_size != given.get("size"):
            raise RefusalError(404, "The content was not uploaded.")
        return Response(status_code=200)


def _asked(request: Request, name: str) -> bool:
    return request.query_params.get(name, "").lower() in {"1", "true"}


def _told(repository: Repository, nodes: Iterable[Node], commit: str) -> list[dict[str, Any]]:
    """The files as the Hub lists them; with a `commit`, each tells it as its last one, which the Hub would look for."""
    told: list[dict[str, Any]] = []
    for node in nodes:
        if node.is_folder:
            told.append({"type": "directory", "oid": node.oid, "size": 0, "path": node.path})
            continue
        entry = repository.entry(node)
        large = entry.large and {"oid": entry.large.sha256, "size": entry.size, "pointerSize": entry.pointer_size}
        told.append({"type": "file", "oid": node.oid, "size": entry.size, "path": node.path})
        told[-1] |= {"lfs": large} if large else {}
        if commit:
            made = repository.commit_of(commit)
            told[-1]["lastCommit"] = {"id": made.oid, "title": made.title, "date": stamp(made.date)}
    return told
