"""The read routes of a Hub on loopback, over folders: revisions, trees, files. It says what it was asked."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import unquote, urlsplit

from tests.loopback import answering


@dataclass
class Hub:
    """`repositories` are folders by id, each at one commit, which `main` names."""

    url: str
    commit: str
    repositories: Mapping[str, Path]
    asked: list[str] = field(default_factory=list[str])

    def answer(self, target: str) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body."""
        path = unquote(urlsplit(target).path)
        for name, folder in self.repositories.items():
            if path.startswith(f"/api/models/{name}/revision/"):
                return _json({"id": name, "sha": self.commit, "siblings": [], "private": False, "tags": []})
            if path.startswith(f"/api/models/{name}/tree/"):
                return _json([
                    {
                        "type": "file", "path": each.relative_to(folder).as_posix(), "size": each.stat().st_size,
                        "oid": _oid(each),
                    }
                    for each in sorted(folder.rglob("*"))
                    if each.is_file()
                ])  # fmt: skip
            kept = f"/{name}/resolve/"
            if path.startswith(kept):
                revision, _, file = path.removeprefix(kept).partition("/")
                if revision in {self.commit, "main"} and (folder / file).is_file():
                    headers = {"ETag": f'"{_oid(folder / file)}"', "X-Repo-Commit": self.commit}
                    return 200, headers, (folder / file).read_bytes()
                return 404, {"X-Error-Code": "EntryNotFound"}, b""
        return 404, {"X-Error-Code": "RepoNotFound"}, b""


@contextmanager
def serving(repositories: Mapping[str, Path], commit: str = "0123456789" * 4) -> Generator[Hub]:
    hub = Hub("", commit, repositories)

    class Answering(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            hub.asked.append(f"{self.command} {self.path}")
            status, headers, body = hub.answer(self.path)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        do_HEAD = do_GET

    with answering(Answering) as hub.url:
        yield hub


def _json(value: object) -> tuple[int, dict[str, str], bytes]:
    return 200, {"Content-Type": "application/json"}, json.dumps(value).encode()


def _oid(path: Path) -> str:
    """As git names a file."""
    contents = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(contents) + contents, usedforsecurity=False).hexdigest()
