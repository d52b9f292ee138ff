"""What an answer must be like, and what an app must offer."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from unified_intelligence.adapters.llm.echo_adapter import EchoAdapter
from unified_intelligence.entities.errors import ProviderError, VerificationError
from unified_intelligence.entities.generation import Generation, Usage
from unified_intelligence.interfaces.space_visitor import ISpaceVisitor
from unified_intelligence.interfaces.text_generator import ITextGenerator
from unified_intelligence.spaces.contract import check_contract, running_digest
from unified_intelligence.spaces.smoke import ask, unmet
from unified_intelligence.spaces.spec import Expectation, GradioContract, OpenAiContract, Smoke

URL = "http://127.0.0.1:1"
SCHEMA = {"type": "object", "required": ["montant"], "properties": {"montant": {"type": "integer"}}}


def answer(text: str, reason: Any = "stop", tokens: int | None = 5) -> Generation:
    return Generation(text=text, finish_reason=reason, usage=None if tokens is None else Usage(1, tokens))


@pytest.mark.parametrize(
    ("expect", "given", "seconds", "said"),
    [
        ({}, answer("36 € \u2028🙂"), 1, []),
        ({}, answer(" \n\u2028"), 1, ["the answer is empty"]),
        ({"nonempty": False}, answer(""), 1, []),
        ({}, answer("36", "length"), 1, ["it ended with length, not with stop"]),
        ({"finish_reason": None}, answer("36", "length"), 1, []),
        ({"max_latency": 2}, answer("36"), 2.5, ["it took 2.50 s, more than 2 s"]),
        ({"regex": "36 €$"}, answer("dont 36 €"), 1, []),
        ({"regex": "^36"}, answer("dont 36"), 1, ["nothing in it matches '^36'"]),
        ({"min_tokens": 6}, answer("36"), 1, ["it has 5 tokens, not 6"]),
        ({"min_tokens": 6}, answer("36", tokens=None), 1, ["it has an unknown number of tokens, not 6"]),
        ({"json_schema": SCHEMA}, answer('{"montant": 36}'), 1, []),
        ({"json_schema": SCHEMA}, answer("36 €"), 1, ["it is no JSON"]),
        (
            {"json_schema": SCHEMA}, answer('{"montant": "é"}'), 1,
            ["its JSON is not of the form that was asked for: 'é' is not of type 'integer'"],
        ),
    ],
)  # fmt: skip
def test_every_expectation_is_looked_at(
    expect: dict[str, Any], given: Generation, seconds: float, said: list[str]
) -> None:
    assert unmet(given, seconds, Expectation.model_validate(expect)) == said


def test_several_that_do_not_hold_are_all_told() -> None:
    expect = Expectation(regex="x", max_latency=1, min_tokens=9)
    assert len(unmet(answer("", "length"), 2, expect)) == 5


def test_a_request_is_sent_with_its_system_and_its_settings() -> None:
    smoke = Smoke(name="écho", prompt="deux mots, ça va\u2028🙂", system="Réponds.", config={"max_tokens": 9})
    result = asyncio.run(ask(EchoAdapter(), smoke))
    assert (result.name, result.failed, result.finish_reason) == ("écho", (), "stop")
    assert "deux mots, ça va\u2028🙂" in result.text
    assert result.seconds >= 0


def test_a_provider_that_fails_is_a_request_that_failed() -> None:
    class Broken(EchoAdapter):
        async def agenerate(self, messages: object, config: object = None) -> Generation:
            raise ProviderError("cassé\u2028!")

    result = asyncio.run(ask(Broken(), Smoke(name="x", prompt="?")))
    assert (result.ok, result.failed) == (False, ("cassé\u2028!",))


class Pages(ISpaceVisitor):
    """A visitor who has read a few pages."""

    def __init__(self, pages: Mapping[str, object]) -> None:
        self.pages = pages
        self.keys: list[str | None] = []

    async def read(self, url: str, body: Mapping[str, object] | None = None, *, key: str | None = None) -> object:
        self.keys.append(key)
        return self.pages[url.removeprefix(URL)]

    def generator(
        self, provider: str, space: str, url: str, *, key: str | None = None, model: str | None = None
    ) -> ITextGenerator:
        raise AssertionError


GRADIO = GradioContract(kind="gradio", endpoints={"generate": ("messages",), "version": ()})
OPENAI = OpenAiContract(kind="openai", models=("petit",), key="env:KEY")


@pytest.mark.parametrize("told", [{"content_digest": "abc"}, {"deployment": {"content_digest": "abc"}, "x": 1}])
def test_the_digest_is_read_where_each_kind_of_app_tells_it(told: dict[str, object]) -> None:
    gradio = Pages({"/gradio_api/run/version": {"data": [told]}})
    assert asyncio.run(running_digest(gradio, URL, GRADIO)) == "abc"
    openai = Pages({"/version": told})
    assert asyncio.run(running_digest(openai, URL, OPENAI)) == "abc"
    assert openai.keys == ["env:KEY"]


NO_DIGESTS: list[Any] = [{}, {"data": []}, {"data": [{}]}, [], None, "é", {"data": [{"content_digest": 3}]}]


@pytest.mark.parametrize("page", NO_DIGESTS)
def test_an_app_that_does_not_tell_is_refused(page: object) -> None:
    pages = Pages({"/gradio_api/run/version": page})
    with pytest.raises(VerificationError, match="does not tell which files it runs"):
        asyncio.run(running_digest(pages, URL, GRADIO))


def info(*parameters: str) -> dict[str, object]:
    named = [{"parameter_name": name} for name in parameters]
    return {"named_endpoints": {"/generate": {"parameters": named}, "/version": {"parameters": []}}}


def test_what_a_gradio_app_lacks_is_named() -> None:
    def offering(what: object) -> Pages:
        return Pages({"/gradio_api/info": what})

    assert asyncio.run(check_contract(offering(info("messages", "x")), URL, GRADIO)) == "offers generate, version"
    with pytest.raises(VerificationError, match=r"an endpoint /generate without messages. It offers: message"):
        asyncio.run(check_contract(offering(info("message")), URL, GRADIO))
    with pytest.raises(VerificationError, match="no endpoint /generate") as refused:
        asyncio.run(check_contract(offering({"named_endpoints": {}}), URL, GRADIO))
    assert refused.value.check == "contract"


def test_what_a_server_lacks_is_named() -> None:
    def serving(model: str, path: str) -> Pages:
        return Pages({"/v1/models": {"data": [{"id": model}]}, "/openapi.json": {"paths": {path: 1}}})

    assert "petit" in asyncio.run(check_contract(serving("petit", "/v1/chat/completions"), URL, OPENAI))
    with pytest.raises(VerificationError, match=r"no model petit. It offers: grand"):
        asyncio.run(check_contract(serving("grand", "/v1/chat/completions"), URL, OPENAI))
    with pytest.raises(VerificationError, match=r"no /v1/chat/completions. It offers: /v1/other"):
        asyncio.run(check_contract(serving("petit", "/v1/other"), URL, OPENAI))
