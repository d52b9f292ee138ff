"""The data comes from a folder, a cache, the web or the Hub, and is the pinned one or refused."""

import hashlib
import os
import subprocess
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from unified_intelligence.entities.errors import ConfigurationError, ConnectionFailedError
from unified_intelligence.evaluation.bfcl import sources
from unified_intelligence.evaluation.bfcl.sources import Files, contents
from unified_intelligence.evaluation.pinned_files import from_web
from unified_intelligence.evaluation.suite import Choice

QUESTIONS, ANSWERS = '{"é": "🙂\u2028"}\n'.encode(), b'{"id": 1}\n'
REVISION = "0123456789abcdef0123456789abcdef01234567"


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture(autouse=True)
def own_files(monkeypatch: pytest.MonkeyPatch) -> None:
    files = Files("BFCL_v4_own.json", digest(QUESTIONS), "possible_answer/BFCL_v4_own.json", digest(ANSWERS))
    monkeypatch.setattr(sources, "FILES", {"own": files})


def fill(folder: Path, questions: bytes = QUESTIONS) -> Path:
    (folder / "possible_answer").mkdir(parents=True)
    (folder / "BFCL_v4_own.json").write_bytes(questions)
    (folder / "possible_answer/BFCL_v4_own.json").write_bytes(ANSWERS)
    return folder


class _Files(BaseHTTPRequestHandler):
    """Files as the Hub gives them: at a commit, with an ETag; and as any web server does."""

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        self.server.asked.append(f"{self.command} {self.path}")  # type: ignore[attr-defined]
        content = ANSWERS if "possible_answer" in self.path else QUESTIONS
        found = "gone" not in self.path
        self.send_response(200 if found else 404)
        if not found:
            self.send_header("X-Error-Code", "EntryNotFound")
        self.send_header("ETag", f'"{digest(content)}"')
        self.send_header("X-Repo-Commit", REVISION)
        self.send_header("Content-Length", str(len(content) if found else 0))
        self.end_headers()
        if body and found:
            self.wfile.write(content)

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@contextmanager
def served() -> Generator[tuple[str, list[str]]]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Files)
    server.asked = []  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", server.asked  # type: ignore[attr-defined]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_folder_of_the_users_own(tmp_path: Path) -> None:
    folder = fill(tmp_path / "mes données")
    assert contents("own", Choice(name="bfcl/own", data=folder)) == (QUESTIONS, ANSWERS, "a folder of the user's")


def test_other_data_is_refused_with_both_digests(tmp_path: Path) -> None:
    folder = fill(tmp_path / "d", QUESTIONS + b" ")
    with pytest.raises(ConfigurationError, match=f"not that of BFCL.*{digest(QUESTIONS)[:16]}"):
        contents("own", Choice(name="bfcl/own", data=folder))


def test_no_folder_and_no_network_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read") as absent:
        contents("own", Choice(name="bfcl/own", data=tmp_path))
    assert "BFCL_v4_own.json" in absent.value.hint
    with pytest.raises(ConfigurationError, match="downloads are forbidden") as offline:
        contents("own", Choice(name="bfcl/own", cache=tmp_path, offline=True))
    assert "--data" in offline.value.hint and "bfcl/small" in offline.value.hint


def test_a_download_is_checked_kept_and_not_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    choice = Choice(name="bfcl/own", cache=tmp_path)
    with served() as (address, asked):
        monkeypatch.setattr(sources, "UPSTREAM", address)
        assert contents("own", choice)[:2] == (QUESTIONS, ANSWERS)
        assert len(asked) == 2
    assert contents("own", choice)[:2] == (QUESTIONS, ANSWERS), "the server is gone"
    assert contents("own", Choice(name="bfcl/own", cache=tmp_path, offline=True))[0] == QUESTIONS
    (kept,) = tmp_path.rglob("v4-*/BFCL_v4_own.json")
    kept.write_bytes(QUESTIONS[:5])
    with pytest.raises(ConfigurationError, match="not that of BFCL"):
        contents("own", choice)


def test_a_download_that_fails_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with served() as (address, _), pytest.raises(ConnectionFailedError, match="404") as missing:
        from_web(f"{address}/gone")
    assert "--data" in missing.value.hint
    monkeypatch.setattr(sources, "UPSTREAM", address)
    with pytest.raises(ConnectionFailedError):
        contents("own", Choice(name="bfcl/own", cache=tmp_path))
    assert not list(tmp_path.rglob("*.json*"))


FROM_HUB = """
import sys
from unified_intelligence.entities.errors import UnifiedIntelligenceError
from unified_intelligence.evaluation.pinned_files import from_hub
try:
    sys.stdout.buffer.write(from_hub("team/bfcl", sys.argv[2], sys.argv[3], sys.argv[1]))
except UnifiedIntelligenceError as error:
    print(type(error).__name__, error.message, error.hint)
"""


def test_a_dataset_of_the_hub_at_a_commit(tmp_path: Path) -> None:
    environment = {**os.environ, "HF_HUB_OFFLINE": "0", "HF_HOME": str(tmp_path), "HF_HUB_DISABLE_XET": "1"}

    def fetched(name: str) -> bytes:
        command = [sys.executable, "-c", FROM_HUB, address, REVISION, name]
        return subprocess.run(command, env=environment, check=True, capture_output=True, timeout=120).stdout

    with served() as (address, asked):
        assert fetched("BFCL_v4_own.json") == QUESTIONS
        assert asked and all(f"/datasets/team/bfcl/resolve/{REVISION}/BFCL_v4_own.json" in one for one in asked)
        assert b"ConfigurationError The Hub has no gone.json" in fetched("gone.json")


def test_a_hub_out_of_reach_is_told_from_a_file_that_is_not_there(tmp_path: Path) -> None:
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)}
    command = [sys.executable, "-c", FROM_HUB, "http://127.0.0.1:9", REVISION, "BFCL_v4_own.json"]
    said = subprocess.run(command, env=environment, check=True, capture_output=True, timeout=120).stdout.decode()
    assert said.startswith("ConnectionFailedError") and "out of reach" in said and "--data" in said


def test_a_hub_address_without_a_commit_is_a_folder_that_is_not_there() -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        contents("own", Choice(name="bfcl/own", data=Path("hf://datasets/team/bfcl@main")))
