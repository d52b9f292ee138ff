"""A secret's value is sent to the Hub and is nowhere else: in no message, no repr, no report and no file."""

from __future__ import annotations

import json
import traceback
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import huggingface_hub
import pytest

from tests.integration.deploy.conftest import LocalHub, Page
from tests.loopback import answering
from unified_intelligence.adapters.spaces.hugging_face_space_host import HuggingFaceSpaceHost
from unified_intelligence.entities.errors import UnifiedIntelligenceError
from unified_intelligence.entities.space import NewSecret, NewSpace
from unified_intelligence.spaces.apply import apply
from unified_intelligence.spaces.fingerprint import fingerprint, fits
from unified_intelligence.spaces.plan import make_plan
from unified_intelligence.spaces.secret_values import SecretValues

CANARY = 'canary-Zk3"é\\9q'
KEY = "deployer-key-4821"
TOKEN = "hf_echoed" * 4


class Echoing(BaseHTTPRequestHandler):
    """A Hub that quotes what it was sent in its refusal."""

    status = 400

    def do_POST(self) -> None:
        sent = self.rfile.read(int(self.headers["Content-Length"])).decode()
        body = json.dumps({"error": f"This was wrong: {sent} with {self.headers['Authorization']}"}).encode()
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Error-Message", f"wrong: {sent!a}")
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def echoing(monkeypatch: pytest.MonkeyPatch) -> Iterator[HuggingFaceSpaceHost]:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    with answering(Echoing) as url:
        yield HuggingFaceSpaceHost(token=TOKEN, endpoint=url, sleep=lambda _: None)
    huggingface_hub.close_session()


def everything_told(error: BaseException | None) -> str:
    """The error and all that it leads to, as any logger could print it."""
    told = ""
    while error is not None:
        told += "".join(traceback.format_exception(error)) + repr(error) + str(vars(error))
        error = error.__context__ or error.__cause__
    return told


@pytest.mark.parametrize("status", [400, 401, 402, 403, 409, 412, 422, 429, 500, 503])
def test_a_hub_that_quotes_a_secret_is_not_quoted(
    echoing: HuggingFaceSpaceHost, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Echoing, "status", status)
    secret = NewSecret("KEY", CANARY, "described")
    for work in (
        lambda: echoing.set_secret("acme/page", secret),
        lambda: echoing.create(NewSpace("acme/page", "static", secrets=(secret,))),
    ):
        with pytest.raises(UnifiedIntelligenceError) as raised:
            work()
        told = everything_told(raised.value)
        assert "Zk3" not in told and TOKEN not in told
        assert "acme/page" in told


def test_nothing_that_is_shown_or_kept_holds_a_value(local: LocalHub, page: Page, tmp_path: Path) -> None:
    secrets = SecretValues({"KEY": CANARY}, key=KEY)
    rendered = page(secrets={"KEY": "env:KEY"})
    plan = make_plan(local.host, rendered, secrets)
    applied = apply(local.host, plan, rendered, secrets, sleep=lambda _: None)
    later = make_plan(local.host, rendered, SecretValues({"KEY": "other"}, key=KEY))
    shown = [repr(each) for each in (secrets, secrets.new("KEY"), plan, applied, later, rendered, rendered.deployment)]
    reports = [json.dumps(each.as_json(), ensure_ascii=False) for each in (plan, applied, later)]
    description = local.host.secrets(plan.space)["KEY"].description or ""
    committed = [content.decode("utf-8", "replace") for content in local.content().values()]
    for text in (*shown, *reports, description, *committed):
        assert "Zk3" not in text and KEY not in text
    assert local.hub.record(plan.space).secrets["KEY"].value == CANARY  # it did arrive


def test_a_fingerprint_tells_only_who_has_the_value_and_the_key() -> None:
    one, two = fingerprint(CANARY, KEY), fingerprint(CANARY, KEY)
    assert one != two  # salted: equal secrets do not look equal
    assert fits(one, CANARY, KEY) is fits(two, CANARY, KEY) is True
    assert fits(one, CANARY) is fits(one, CANARY + " ", KEY) is fits(one, "", KEY) is False
    assert fits("by hand", CANARY, KEY) is fits(None, CANARY, KEY) is fits(f"{one}0", CANARY, KEY) is None
