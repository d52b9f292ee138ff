"""What the local Hub refuses when it is told to, as the official client understands it."""

# The types of huggingface_hub are incomplete; what is known is still checked.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownLambdaType=false

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest
from huggingface_hub import CommitOperationAdd, HfApi
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.utils import parse_ratelimit_headers  # pyright: ignore[reportPrivateImportUsage]

from tests.integration.spaces_hub.small_app import ask, until, until_runs
from unified_intelligence.entities.errors import ConfigurationError, UnknownNameError
from unified_intelligence.spaces.simulator.faults import FAULTS, ROUTE_FAULTS, read_fault
from unified_intelligence.spaces.simulator.hub import Hub


def control(api: HfApi, what: str, method: str = "GET", **body: object) -> Any:
    request = urllib.request.Request(
        f"{api.endpoint}/simulator/{what}", method=method, data=json.dumps(body).encode() if body else None
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def add_a(api: HfApi, name: str) -> str:
    operations = [CommitOperationAdd("a", b"1")]
    return api.create_commit(name, operations, commit_message="x", repo_type="space").oid


def commit_onto_head(api: HfApi, name: str) -> None:
    head = api.space_info(name).sha
    api.create_commit(name, [CommitOperationAdd("a", b"1")], commit_message="x", repo_type="space", parent_commit=head)


REFUSED: dict[str, tuple[int, Callable[[HfApi, str], object]]] = {
    "payment_required": (402, lambda api, _: api.create_repo("anne/costs", repo_type="space", space_sdk="gradio")),
    "forbidden": (403, lambda api, name: api.add_space_variable(name, "A", "b")),
    "conflict": (409, add_a),
    "overtaken": (412, commit_onto_head),
    "rate_limited": (429, lambda api, name: api.get_space_runtime(name)),
    "server_error": (503, lambda api, name: api.get_space_runtime(name)),
    "lost_answer": (502, add_a),
}


def test_every_fault_of_a_route_is_tried() -> None:
    assert set(ROUTE_FAULTS) == {*REFUSED, "cut_logs"}


@pytest.mark.parametrize("fault", REFUSED)
def test_it_refuses_once_and_then_no_more(
    fault: str, api: HfApi, name: str, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.create_repo(name, repo_type="space", space_sdk="static")
    before = [each.commit_id for each in api.list_repo_commits(name, repo_type="space")]
    status, call = REFUSED[fault]
    control(api, "faults", "POST", name=fault, seconds=7)
    with pytest.raises(HfHubHTTPError) as refused:
        call(api, name)
    response = refused.value.response
    assert response is not None and response.status_code == status
    if status == 429:
        limit = parse_ratelimit_headers(response.headers)
        assert limit is not None and (limit.remaining, limit.reset_in_seconds) == (0, 7)
        assert "Retry after 7 seconds" in str(refused.value)
    commits = [each.commit_id for each in api.list_repo_commits(name, repo_type="space")]
    assert len(commits) - len(before) == (1 if fault in {"lost_answer", "overtaken"} else 0)
    assert ("a" in api.list_repo_files(name, repo_type="space")) == (fault == "lost_answer")
    call(api, name)
    control(api, "faults", "DELETE")
    if fault == "payment_required":
        api.delete_repo("anne/costs", repo_type="space")


def test_a_log_stream_that_breaks_off_is_taken_up_again(
    api: HfApi, name: str, deployed: Callable[..., str], hub: Hub
) -> None:
    until_runs(api, name, deployed())
    book: list[str] = []
    lines: list[str] = []
    hub.faults.waiting.append(read_fault("cut_logs", name))
    for line in api.fetch_space_logs(name, follow=True):
        book.append(line)
        if len(book) == 3:
            break
    hub.faults.waiting.append(read_fault("cut_logs", name))
    assert ask(f"{api.space_info(name).host}/?{name}")[0] == 200
    api.pause_space(name)
    lines += api.fetch_space_logs(name, follow=True)
    assert lines[:3] == book and len(lines) == len(set(lines)) > 3


def test_calls_are_counted(api: HfApi, name: str) -> None:
    api.create_repo(name, repo_type="space", space_sdk="static")
    control(api, "calls", "DELETE")
    api.get_space_runtime(name)
    assert [(call["method"], call["path"], call["status"]) for call in control(api, "calls")] == [
        ("GET", f"/api/spaces/{name}/runtime", 200)
    ]
    until(lambda: control(api, "clock")["seconds"], lambda seconds: seconds > 0)


def test_a_fault_is_written_in_a_word() -> None:
    fault = read_fault("stale_build:cured_by=factory,seconds=2.5,calls=0", "me/x")
    assert (fault.name, fault.space, fault.cured_by, fault.seconds, fault.calls) == (
        "stale_build", "me/x", "factory", 2.5, 0
    )  # fmt: skip
    assert set(FAULTS) == {read_fault(name).name for name in FAULTS}
    for text in ("stale", "stale_build:x=1", "stale_build:calls=often", "stale_build:cured_by=prayer"):
        with pytest.raises(ConfigurationError):
            read_fault(text)
    with pytest.raises(UnknownNameError, match="stale_build"):
        read_fault("stale_bild")
