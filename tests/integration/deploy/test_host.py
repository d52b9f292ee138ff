"""What the seam promises of a host of Spaces, each method of it, against the local Hub."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler

import huggingface_hub
import pytest

from tests.integration.deploy.conftest import SPACE, LocalHub
from tests.loopback import answering
from unified_intelligence.adapters.spaces.hugging_face_space_host import HuggingFaceSpaceHost
from unified_intelligence.entities.errors import (
    AuthenticationError,
    ConfigurationError,
    ConnectionFailedError,
    NotFoundOrPrivateError,
    ProtocolError,
    RateLimitedError,
    ServerBusyError,
    StalePlanError,
)
from unified_intelligence.entities.space import (
    AddFile,
    CopyFile,
    DeleteFile,
    NewCommit,
    NewSecret,
    NewSpace,
    SpaceTag,
    SpaceVolume,
)
from unified_intelligence.spaces.simulator.faults import Fault

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content:DeprecationWarning")  # of the client's own upload by LFS
FILES = {"a.txt": b"one", "\u00e9 \U0001f600/b c#%.md": "Ça va\u2028?\n".encode(), "large.bin": bytes(range(256)) * 50}


@pytest.fixture
def host(local: LocalHub) -> HuggingFaceSpaceHost:
    local.host.create(NewSpace(SPACE, "static"))
    return local.host


def commit(host: HuggingFaceSpaceHost, *changes: AddFile | CopyFile | DeleteFile) -> str:
    return host.commit(SPACE, NewCommit("A commit", changes, host.info(SPACE).sha))


def added(host: HuggingFaceSpaceHost) -> str:
    return commit(host, *(AddFile(path, content) for path, content in FILES.items()))


def test_files_are_committed_read_copied_and_deleted(host: HuggingFaceSpaceHost) -> None:
    first = added(host)
    assert host.info(SPACE).sha == first
    assert {path: host.read(SPACE, path) for path in FILES} == FILES
    tree = host.tree(SPACE)
    assert {path: tree[path].size for path in FILES} == {path: len(content) for path, content in FILES.items()}
    assert tree["large.bin"].sha256 is not None and tree["a.txt"].sha256 is None
    second = commit(host, AddFile("a.txt", b"two"), DeleteFile("large.bin"))
    assert host.read(SPACE, "a.txt") == b"two" and host.read(SPACE, "a.txt", first) == b"one"
    assert "large.bin" not in host.tree(SPACE) and "large.bin" in host.tree(SPACE, first)
    commit(host, CopyFile("a.txt", "a.txt", first), CopyFile("large.bin", "large.bin", first))
    assert host.tree(SPACE) == host.tree(SPACE, first)
    with pytest.raises(StalePlanError):
        host.commit(SPACE, NewCommit("late", (AddFile("x", b""),), second))


def test_what_is_not_there(host: HuggingFaceSpaceHost) -> None:
    asks: list[Callable[[], object]] = [
        lambda: host.info("local/none"),
        lambda: host.tree("local/none"),
        lambda: host.runtime("local/none"),
        lambda: host.secrets("local/none"),
        lambda: host.read(SPACE, "none.txt"),
        lambda: host.read(SPACE, "README.md", "0" * 40),
        lambda: host.tag(SPACE, "t", "0" * 40),
    ]
    for ask in asks:
        with pytest.raises(NotFoundOrPrivateError) as raised:
            ask()
        assert raised.value.exit_code == 3 and "HF_TOKEN" in raised.value.hint
    with pytest.raises(StalePlanError):
        host.create(NewSpace(SPACE, "static"))


def test_settings_are_set_read_and_deleted(host: HuggingFaceSpaceHost) -> None:
    host.set_variable(SPACE, "A", "é\n1")
    host.set_variable(SPACE, "A", "2")
    host.set_variable(SPACE, "B", "3")
    host.delete_variable(SPACE, "B")
    assert {name: each.value for name, each in host.variables(SPACE).items()} == {"A": "2"}
    host.set_secret(SPACE, NewSecret("S", "value", "described"))
    secret = host.secrets(SPACE)["S"]
    assert (secret.description, secret.updated_at is not None) == ("described", True)
    host.delete_secret(SPACE, "S")
    assert host.secrets(SPACE) == {}
    host.set_hardware(SPACE, "t4-small", 600)
    assert (host.runtime(SPACE).wanted_hardware, host.runtime(SPACE).sleep_time) == ("t4-small", 600)
    host.set_sleep_time(SPACE, -1)
    assert host.runtime(SPACE).sleep_time == -1
    for visibility in ("public", "private"):
        host.set_visibility(SPACE, visibility)
        assert host.info(SPACE).visibility == visibility
    volumes = (
        SpaceVolume("model", "acme/m", "/model", "main", read_only=True),
        SpaceVolume("bucket", "acme/b", "/data", path="x"),
    )
    host.set_volumes(SPACE, volumes)
    assert host.runtime(SPACE).volumes == volumes
    host.set_volumes(SPACE, ())
    assert host.runtime(SPACE).volumes == ()


def test_tags_prices_and_the_account(host: HuggingFaceSpaceHost) -> None:
    sha = host.info(SPACE).sha
    host.tag(SPACE, "good-1", sha)
    assert host.tags(SPACE) == [SpaceTag("good-1", sha)]
    assert host.read(SPACE, "README.md", "good-1") == host.read(SPACE, "README.md")
    with pytest.raises(StalePlanError):
        host.tag(SPACE, "good-1", sha)
    host.delete_tag(SPACE, "good-1")
    assert host.tags(SPACE) == []
    prices = host.prices()
    assert prices["l4x1"].dollars_per_hour == 0.8 and prices["cpu-basic"].dollars_per_hour == 0.0
    assert host.account() == "local"


def test_it_is_paused_and_restarted_and_says_what_happened(host: HuggingFaceSpaceHost) -> None:
    added(host)
    host.pause(SPACE)
    assert host.runtime(SPACE).stage == "PAUSED"
    host.restart(SPACE, factory=True)
    until = time.monotonic() + 20
    while host.runtime(SPACE).stage == "PAUSED" and time.monotonic() < until:
        time.sleep(0.05)
    assert host.runtime(SPACE).stage != "PAUSED"
    assert all(not line.endswith("\n") for line in host.logs(SPACE, "build"))


def test_it_waits_as_long_as_it_is_asked_to_and_no_longer(local: LocalHub) -> None:
    waits: list[float] = []
    host = HuggingFaceSpaceHost(token="t", endpoint=local.url, sleep=waits.append)
    local.hub.faults.waiting.append(Fault("rate_limited", seconds=7, calls=1))
    assert host.prices() and waits == [7.0]
    local.hub.faults.waiting.append(Fault("server_error", calls=2))
    assert host.prices() and waits == [7.0, 0.5, 1.5]
    local.hub.faults.waiting.append(Fault("server_error", calls=0))
    with pytest.raises(ServerBusyError):
        host.prices()
    assert waits[3:] == [0.5, 1.5, 4.5]
    local.hub.faults.clear()
    local.hub.faults.waiting.append(Fault("rate_limited", seconds=300, calls=1))
    with pytest.raises(RateLimitedError) as raised:
        host.prices()
    assert raised.value.retry_after == 300 and len(waits) == 6


class NoHub(BaseHTTPRequestHandler):
    """A web server of something else, which answers every call with a page."""

    def do_GET(self) -> None:
        body = b"<html><title>Nothing of the kind</title></html>"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def no_hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    with answering(NoHub) as url:
        yield url
    huggingface_hub.close_session()


def test_an_address_that_is_no_hub(no_hub: str) -> None:
    host = HuggingFaceSpaceHost(token="t", endpoint=no_hub, sleep=lambda _: None)
    for ask in (host.account, host.prices, lambda: host.info(SPACE), lambda: host.runtime(SPACE)):
        with pytest.raises(ProtocolError) as raised:
            ask()
        assert raised.value.hint == "Is HF_ENDPOINT the address of a Hub?"


def test_nobody_there_no_token_and_switched_off(no_hub: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConnectionFailedError, match="could not be reached to tell what hardware costs"):
        HuggingFaceSpaceHost(token="t", endpoint="http://127.0.0.1:1", sleep=lambda _: None).prices()
    with pytest.raises(AuthenticationError, match="a token of the Hub is needed"):
        HuggingFaceSpaceHost(endpoint=no_hub).account()
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ConfigurationError, match="HF_HUB_OFFLINE is set"):
        HuggingFaceSpaceHost(token="t", endpoint=no_hub).prices()
