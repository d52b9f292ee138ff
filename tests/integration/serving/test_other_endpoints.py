"""Completions, embeddings, tokens, models, health and the document that describes them."""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import openai
import pytest
from jsonschema import Draft202012Validator

from tests.integration.serving.generators import Embeds, Says, Tokenizes, words
from tests.integration.serving.served import Served, serving
from unified_intelligence.adapters.llm.echo_adapter import EchoAdapter
from unified_intelligence.entities.generation import Finished, GenerationConfig, TextDelta, TokenLogprob, Usage
from unified_intelligence.entities.message import Message
from unified_intelligence.serving.admission import Admission, Limits
from unified_intelligence.serving.app import new_app
from unified_intelligence.serving.service import Service

MODEL = "le-modèle"
HARD = "Ça va\u2028bien 🎉\nd'accord ?"


def get(served: Served, path: str) -> tuple[int, Any]:
    response = httpx2.get(f"{served.url}{path}")
    return response.status_code, response.json()


def post(served: Served, path: str, **body: object) -> tuple[int, Any]:
    response = httpx2.post(f"{served.url}{path}", json=body)
    return response.status_code, response.json()


def test_a_prompt_is_completed() -> None:
    with serving(EchoAdapter()) as served:
        whole = served.client.completions.create(model=MODEL, prompt=HARD)
        chunks = list(served.client.completions.create(model=MODEL, prompt=HARD, stream=True))
    assert (whole.choices[0].text, whole.choices[0].finish_reason, whole.object) == (HARD, "stop", "text_completion")
    assert "".join(chunk.choices[0].text for chunk in chunks) == HARD
    assert chunks[-1].choices[0].finish_reason == "stop"


def test_several_prompts_are_completed_in_their_order() -> None:
    with serving(EchoAdapter()) as served:
        whole = served.client.completions.create(model=MODEL, prompt=["un deux", "trois 🎉"], n=2)
        chunks = list(
            served.client.completions.create(
                model=MODEL, prompt=["un deux", "trois 🎉"], stream=True, stream_options={"include_usage": True}
            )
        )
    assert [(choice.index, choice.text) for choice in whole.choices] == [
        (0, "un deux"), (1, "un deux"), (2, "trois 🎉"), (3, "trois 🎉"),
    ]  # fmt: skip
    assert whole.usage is not None and (whole.usage.prompt_tokens, whole.usage.completion_tokens) == (4, 8)
    texts = ["".join(c.text for chunk in chunks for c in chunk.choices if c.index == index) for index in (0, 1)]
    assert texts == ["un deux", "trois 🎉"]
    assert chunks[-1].usage is not None and chunks[-1].usage.total_tokens == 8


def test_a_completion_tells_logprobs_in_its_own_form_and_no_reasoning() -> None:
    told = (TokenLogprob("ou", -0.1, (TokenLogprob("ou", -0.1), TokenLogprob("n", -2.0))), TokenLogprob("i", -0.2))
    generator = Says(*words(reasoning="hm")[:1], TextDelta("oui", told), Finished("stop", Usage(1, 2)))
    with serving(generator) as served:
        answer = served.client.completions.create(model=MODEL, prompt="x", logprobs=2)
    logprobs = answer.choices[0].logprobs
    assert logprobs is not None and answer.choices[0].text == "oui"
    assert (logprobs.tokens, logprobs.token_logprobs, logprobs.text_offset) == (["ou", "i"], [-0.1, -0.2], [0, 2])
    assert logprobs.top_logprobs is not None and logprobs.top_logprobs[0] == {"ou": -0.1, "n": -2.0}
    assert generator.asked == [([Message("user", "x")], GenerationConfig(logprobs=2))]


def test_tokens_are_a_prompt_where_they_can_be_read() -> None:
    tokens = [ord(character) for character in HARD]
    with serving(EchoAdapter()) as served, pytest.raises(openai.BadRequestError, match="texts, not tokens"):
        served.client.completions.create(model=MODEL, prompt=tokens)
    generator = Tokenizes(*words("oui"))
    with serving(generator) as served:
        served.client.completions.create(model=MODEL, prompt=[tokens, [97]])
    assert {m.content for messages, _ in generator.asked for m in messages if isinstance(m, Message)} == {HARD, "a"}


@pytest.mark.parametrize("asked", [{"suffix": "x"}, {"echo": True}, {"best_of": 3}, {"prompt": []}, {"n": 0}], ids=str)
def test_a_completion_that_nobody_makes_is_refused(asked: dict[str, Any]) -> None:
    with serving(EchoAdapter()) as served:
        status, answer = post(served, "/v1/completions", **{"model": MODEL, "prompt": "x", **asked})
    assert status == 400
    assert answer["error"]["param"] == next(iter(asked))


def test_texts_become_vectors() -> None:
    with serving(Embeds()) as served:
        ask = served.client.embeddings.create
        decoded = ask(model=MODEL, input=["Ça 🎉", "b"])
        plain = ask(model=MODEL, input="abc", encoding_format="float", dimensions=2)
        asked = ask(model=MODEL, input="abc", encoding_format="float", extra_body={"prompt_name": "query"})
        with pytest.raises(openai.BadRequestError, match="at most 4"):
            ask(model=MODEL, input="abc", dimensions=5)
        with pytest.raises(openai.BadRequestError):
            ask(model=MODEL, input=["abc", ""])
    assert [[round(number, 4) for number in each.embedding] for each in decoded.data] == [
        [4.0, 2.0, 1.3333, 1.0], [1.0, 0.5, 0.3333, 0.25],
    ]  # fmt: skip
    assert [each.index for each in decoded.data] == [0, 1]
    assert plain.data[0].embedding == [3.0, 1.5]
    assert asked.data[0].embedding[0] == len("query") + 3
    assert (plain.usage.prompt_tokens, plain.usage.total_tokens) == (3, 3)


def test_what_the_provider_does_not_have_is_not_found() -> None:
    with serving(EchoAdapter()) as served:
        with pytest.raises(openai.NotFoundError, match="makes no embeddings"):
            served.client.embeddings.create(model=MODEL, input="x")
        status, answer = post(served, "/tokenize", prompt="x")
        assert (status, answer["error"]["code"]) == (404, "not_supported")
        assert post(served, "/detokenize", tokens=[1])[0] == 404
        paths = get(served, "/openapi.json")[1]["paths"]
    assert not {"/v1/embeddings", "/tokenize", "/detokenize"} & set(paths)


def test_tokens_of_texts_and_conversations() -> None:
    with serving(Tokenizes(*words("oui"))) as served:
        status, told = post(served, "/tokenize", model=MODEL, prompt="Ça 🎉")
        assert (status, told) == (200, {"count": 4, "max_model_len": 4096, "tokens": [199, 97, 32, 127881]})
        assert post(served, "/detokenize", tokens=told["tokens"]) == (200, {"prompt": "Ça 🎉"})
        status, told = post(served, "/tokenize", messages=[{"role": "user", "content": "salut"}])
        assert "salut" in post(served, "/detokenize", tokens=told["tokens"])[1]["prompt"]
        assert post(served, "/detokenize", tokens=[0x110000])[0] == 400
        assert post(served, "/tokenize", prompt="x", messages=[{"role": "user", "content": "x"}])[0] == 400
        assert post(served, "/tokenize", model="gpt-4", prompt="x")[0] == 404
        assert get(served, "/v1/models")[1]["data"][0]["max_model_len"] == 4096


class _Slow(Tokenizes):
    """Encodes once it is let; knows in which threads it was."""

    def __init__(self) -> None:
        super().__init__(*words("oui"))
        self.begun, self.go = threading.Event(), threading.Event()
        self.threads: set[str] = set()

    def encode(self, text: str) -> list[int]:
        if text:
            self.threads.add(threading.current_thread().name)
            self.begun.set()
            assert self.go.wait(30)
        return super().encode(text)


def test_counting_tokens_takes_a_turn_and_no_thread_of_others() -> None:
    slow = _Slow()
    with serving(slow, limits=Limits(running=1, waiting=1)) as served, ThreadPoolExecutor() as pool:
        counting = [pool.submit(post, served, "/tokenize", prompt="Ça 🎉")]
        assert slow.begun.wait(30)
        counting.append(pool.submit(post, served, "/tokenize", prompt="été"))
        while served.service.admission.waiting < 1:
            time.sleep(0.01)
        refused = [post(served, "/tokenize", prompt="x")[0], post(served, "/detokenize", tokens=[1])[0]]
        slow.go.set()
        assert [one.result()[0] for one in counting] == [200, 200]
    assert (refused, slow.threads) == ([429, 429], {"tokens_0"})


def test_models_have_their_names() -> None:
    with serving(EchoAdapter(), model="a/b", aliases=("c",)) as served:
        assert [model.id for model in served.client.models.list()] == ["a/b", "c"]
        assert served.client.models.retrieve("a/b").id == "a/b"
        assert served.client.models.retrieve("c").owned_by
        answer = served.client.chat.completions.create(model="c", messages=[{"role": "user", "content": "x"}])
        assert answer.model == "c"
        status, missing = get(served, "/v1/models/d")
    assert (status, missing["error"]["code"], missing["error"]["param"]) == (404, "model_not_found", "model")


def test_health_readiness_and_version() -> None:
    with serving(EchoAdapter()) as served:
        assert get(served, "/health") == (200, {"status": "ok"})
        assert get(served, "/ready") == (200, {"status": "ready"})
        assert get(served, "/version") == (200, {"version": "1.2.3", "digest": "abc"})
        served.service.state = "draining"
        assert get(served, "/ready")[0] == 503
        assert get(served, "/health")[0] == 200


def test_the_document_says_what_is_true() -> None:
    with serving(Tokenizes(*words("oui"))) as served:
        document = get(served, "/openapi.json")[1]
        answer = post(served, "/v1/chat/completions", model=MODEL, messages=[{"role": "user", "content": "x"}])[1]
        models, missing = get(served, "/v1/models")[1], get(served, "/v1/models/nope")[1]
        completion = post(served, "/v1/completions", model=MODEL, prompt="x")[1]
    schemas = document["components"]["schemas"]
    for name, value in (
        ("ChatCompletion", answer), ("ModelList", models), ("Error", missing), ("Completion", completion),
    ):  # fmt: skip
        validator: Any = Draft202012Validator({
            "$ref": f"#/components/schemas/{name}", "components": {"schemas": schemas},
        })  # fmt: skip
        validator.validate(value)
    assert "422" not in json.dumps(document)
    assert schemas["ChatRequest"]["additionalProperties"] is False
    assert {"400", "404", "408", "413", "429", "503"} <= set(
        document["paths"]["/v1/chat/completions"]["post"]["responses"]
    )


def test_the_document_names_what_this_server_takes() -> None:
    with serving(EchoAdapter()) as served:
        document = get(served, "/openapi.json")[1]
    chat = document["components"]["schemas"]["ChatRequest"]["properties"]
    assert chat["model"]["enum"] == [MODEL]
    assert document["paths"]["/v1/models/{model}"]["get"]["parameters"][0]["schema"]["enum"] == [MODEL]
    assert chat["seed"]["anyOf"][0] == {"type": "integer", "minimum": -(2**63), "exclusiveMaximum": 2**63}
    assert chat["best_of"]["enum"] == [None, 1]
    for path, methods in document["paths"].items():
        for operation in methods.values():
            assert {"400", "500"} <= set(operation["responses"]), path
            assert ("requestBody" in operation) == ({"408", "413"} <= set(operation["responses"])), path
            assert "401" not in operation["responses"]
            assert "security" not in operation


def test_the_document_of_a_locked_server_asks_for_a_key() -> None:
    service = Service(EchoAdapter(), MODEL, Admission(Limits()), {"version": "1.2.3"})
    document = new_app(service, keyed=True).openapi()
    chat, health = (document["paths"][path] for path in ("/v1/chat/completions", "/health"))
    assert chat["post"]["security"] == [{"bearer": []}, {"header": []}]
    assert set(document["components"]["securitySchemes"]) == {"bearer", "header"}
    assert "401" in chat["post"]["responses"]
    assert "security" not in health["get"]
    assert "401" not in health["get"]["responses"]
