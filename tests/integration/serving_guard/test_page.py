"""How the status page is sent: to whom, and what a browser may do with it."""

from __future__ import annotations

import re
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from jsonschema import Draft202012Validator

from tests.integration.serving_guard.guarded_server import ask, guarded_server, until
from unified_intelligence.adapters.llm.echo_adapter import EchoAdapter
from unified_intelligence.entities.errors import ConfigurationError
from unified_intelligence.serving.authentication import Keys
from unified_intelligence.serving.status_page import FOLDER, page_routes

KEY = "clef-4711"
FILES = {path.name for path in FOLDER.iterdir()} - {"index.html"}


def test_the_page_and_its_files_are_sent_as_what_they_are() -> None:
    with guarded_server() as server:
        page = httpx2.get(server.url + "/")
        sent = {name: httpx2.get(f"{server.url}/static/{name}") for name in FILES}
        head = httpx2.head(server.url + "/")
        missing = httpx2.get(server.url + "/static/other.js")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert (head.status_code, head.content, head.headers["etag"]) == (200, b"", page.headers["etag"])
    assert set(re.findall(r'(?:src|href)="static/([^"]+)"', page.text)) == FILES
    kinds = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
    for name, file in sent.items():
        assert file.content == (FOLDER / name).read_bytes()
        assert file.headers["content-type"].startswith(kinds[name.rpartition(".")[2]])
    assert missing.status_code == 404
    for answer in (page, *sent.values()):
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none';") and "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy and "form-action 'none'" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"


def test_a_site_that_is_named_may_show_it_in_a_frame() -> None:
    app = FastAPI()
    app.include_router(page_routes(("https://example.org", "http://[::1]:8080")))
    policy = TestClient(app).get("/").headers["content-security-policy"]
    assert policy.endswith("; frame-ancestors https://example.org http://[::1]:8080")


@pytest.mark.parametrize(
    "origin", ["*", "example.org", "https://a.org/path", "https://a.org; script-src *", "https://*"]
)
def test_what_is_no_site_may_not(origin: str) -> None:
    with pytest.raises(ConfigurationError, match="is no origin"):
        page_routes((origin,))


def test_nothing_in_it_is_inline_or_from_elsewhere() -> None:
    for path in FOLDER.iterdir():
        text = path.read_text("utf-8")
        assert not re.search(r"<style|<script(?![^>]* src=)|\son\w+=|\sstyle=|javascript:|@import|url\(", text), path
        assert set(re.findall(r"https?://[^\s\"']+", text)) <= {"http://www.w3.org/2000/svg"}, path
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", text), path


def test_a_browser_that_has_it_is_told_so_and_figures_are_kept_by_nobody() -> None:
    with guarded_server() as server:
        for path in ("/", "/static/page.css"):
            first = httpx2.get(server.url + path)
            assert first.headers["cache-control"] == "no-cache"
            again = httpx2.get(server.url + path, headers={"if-none-match": f'W/"x", {first.headers["etag"]}'})
            assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
            assert httpx2.get(server.url + path, headers={"if-none-match": '"x"'}).status_code == 200
        assert httpx2.get(server.url + "/status.json").headers["cache-control"] == "no-store"


def test_with_keys_the_page_is_open_and_says_that_a_key_is_needed() -> None:
    with guarded_server() as server:
        free = httpx2.get(server.url + "/")
    with guarded_server(keys=Keys((KEY,))) as server:
        page = httpx2.get(server.url + "/")
        assert {httpx2.get(f"{server.url}/static/{name}").status_code for name in FILES} == {200}
        assert httpx2.get(server.url + "/status.json").status_code == 401
        assert httpx2.get(server.url + "/status.json", headers={"x-api-key": KEY}).json()["state"] == "ready"
    assert 'data-key="none"' in free.text and 'data-key="needed"' in page.text
    assert free.headers["etag"] != page.headers["etag"]
    assert KEY not in page.text and server.service.model not in page.text


def test_figures_are_as_documented() -> None:
    with guarded_server() as server:
        ask(server.url)
        ask(server.url, temperature=-1)
        assert until(lambda: len(server.lines()) == 2)
        told: Any = httpx2.get(server.url + "/status.json").json()
        document: Any = httpx2.get(server.url + "/openapi.json").json()
    strict = document["components"]["schemas"]["Status"]
    assert set(strict["required"]) == set(told)
    validator: Any = Draft202012Validator(strict)
    validator.validate(told)
    assert "text/html" in document["paths"]["/"]["get"]["responses"]["200"]["content"]
    assert set(document["paths"]["/status.json"]["get"]["responses"]) == {"200", "400", "500"}


def test_looking_at_the_page_is_no_request_to_the_model() -> None:
    with guarded_server() as server:
        for path in ("/", "/static/page.js", "/status.json", "/health", "/ready", "/metrics", "/version"):
            assert httpx2.get(server.url + path).status_code == 200
        assert until(lambda: len(server.lines()) == 7)
        outcomes = httpx2.get(server.url + "/status.json").json()["requests"]["outcomes"]
    assert set(outcomes.values()) == {0}


def test_who_leaves_is_counted_and_is_no_error() -> None:
    with guarded_server(EchoAdapter(delay=0.05)) as server:
        body = {"model": server.service.model, "stream": True, "messages": [{"role": "user", "content": "wört " * 99}]}
        with httpx2.stream("POST", server.url + "/v1/chat/completions", json=body) as answer:
            next(answer.iter_raw())
        assert until(server.lines)
        told = httpx2.get(server.url + "/status.json").json()
    assert told["requests"]["outcomes"] == {"answered": 0, "refused": 0, "failed": 0, "left": 1}
    assert told["errors"] == []
