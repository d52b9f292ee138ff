"""Who gets in."""

from __future__ import annotations

import re

import httpx2
import pytest

from tests.integration.serving_guard.guarded_server import ask, guarded_server, until
from unified_intelligence.entities.errors import ConfigurationError
from unified_intelligence.serving.authentication import Keys
from unified_intelligence.serving.run import Serving, listening

FIRST, SECOND = "schlüssel".encode().hex(), "sk-zweiter_Schluessel.2"
OPEN = {"/health", "/ready", "/"}


def test_every_route_but_the_open_ones_asks_for_a_key() -> None:
    with guarded_server(keys=Keys((FIRST,))) as server:
        paths = server.app.openapi()["paths"]
        asked = {
            (method.upper(), re.sub(r"{[^}]*}", "x", path)) for path, methods in paths.items() for method in methods
        }
        asked |= {("GET", path) for path in ("/openapi.json", "/docs", "/redoc", "/nothing", "//health", "/health/")}
        asked |= {("GET", "/static/../metrics"), ("GET", "/static/%2e%2e/metrics"), ("HEAD", "/metrics")}
        assert {"/metrics", "/status.json", "/version", "/v1/chat/completions", "/v1/models"} <= set(paths)
        for method, path in sorted(asked):
            answer = _raw(server.url, method, path)
            assert answer.status_code == (200 if path in OPEN else 401), (method, path)
            if path not in OPEN:
                assert answer.headers["www-authenticate"] == "Bearer"
                assert method == "HEAD" or answer.json()["error"]["code"] == "invalid_api_key"


def _raw(url: str, method: str, path: str) -> httpx2.Response:
    return httpx2.request(method, httpx2.URL(url).copy_with(raw_path=path.encode()))


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"authorization": f"Bearer {FIRST}"}, 200),
        ({"authorization": f"bearer {SECOND}"}, 200),
        ({"x-api-key": SECOND}, 200),
        ({"authorization": "Bearer wrong", "x-api-key": FIRST}, 200),
        ({"authorization": FIRST}, 401),
        ({"authorization": f"Basic {FIRST}"}, 401),
        ({"authorization": f"Bearer {FIRST}x"}, 401),
        ({"authorization": f"Bearer {FIRST[:-1]}"}, 401),
        ({"authorization": "Bearer"}, 401),
        ({"x-api-key": ""}, 401),
        ({"cookie": f"key={FIRST}"}, 401),
        ({}, 401),
    ],
)
def test_where_a_key_is_read(headers: dict[str, str], status: int) -> None:
    with guarded_server(keys=Keys((FIRST, SECOND))) as server:
        assert ask(server.url, headers=headers).status_code == status


def test_a_key_is_known_by_its_fingerprint_and_never_written() -> None:
    with guarded_server(keys=Keys((FIRST, SECOND))) as server:
        ask(server.url, headers={"x-api-key": FIRST})
        ask(server.url, headers={"x-api-key": SECOND})
        ask(server.url, headers={"x-api-key": "falsch-kanarienvogel"})
        assert until(lambda: len(server.lines()) == 3)
        first, second, wrong = (line["key"] for line in server.lines())
        assert first != second and re.fullmatch(r"[0-9a-f]{12}", first) and wrong == ""
        written = server.log.getvalue() + httpx2.get(server.url + "/metrics", headers={"x-api-key": FIRST}).text
        assert not [key for key in (FIRST, SECOND, "falsch-kanarienvogel") if key in written]


def test_without_keys_everybody_on_this_machine_gets_in() -> None:
    with guarded_server() as server:
        assert ask(server.url).status_code == 200
        assert httpx2.get(server.url + "/metrics").status_code == 200


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_others_are_not_let_in_without_a_key(host: str) -> None:
    with pytest.raises(ConfigurationError, match="no API key") as refused, listening(Serving(host=host, port=0)):
        pass
    assert "--api-key" in refused.value.hint


def test_with_a_key_others_may_be_let_in() -> None:
    with listening(Serving(host="0.0.0.0", port=0, has_keys=True)) as own:
        assert own.getsockname()[0] == "0.0.0.0"


def test_a_port_in_use_is_named() -> None:
    with listening(Serving(port=0)) as own:
        port = own.getsockname()[1]
        with pytest.raises(ConfigurationError, match=f"Port {port} .*in use") as refused, listening(Serving(port=port)):
            pass
        assert "--port 0" in refused.value.hint


def test_no_origin_is_allowed_unless_it_is_listed() -> None:
    asking = {"origin": "https://app.example", "access-control-request-method": "POST"}
    with guarded_server(keys=Keys((FIRST,))) as server:
        answer = httpx2.options(server.url + "/v1/chat/completions", headers=asking)
        assert answer.status_code == 401 and "access-control-allow-origin" not in answer.headers
    with guarded_server(keys=Keys((FIRST,)), cors_origins=("https://app.example",)) as server:
        answer = httpx2.options(server.url + "/v1/chat/completions", headers=asking)
        assert answer.status_code == 200
        assert answer.headers["access-control-allow-origin"] == "https://app.example"
        refused = ask(server.url, headers={"origin": "https://app.example"})
        assert refused.status_code == 401
        assert refused.headers["access-control-allow-origin"] == "https://app.example"
        other = ask(server.url, headers={"origin": "https://other.example", "x-api-key": FIRST})
        assert "access-control-allow-origin" not in other.headers
