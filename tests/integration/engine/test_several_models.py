"""Several models in one server: each answers under its name with an engine of its own, and fails alone."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest
from transformers import AutoModelForCausalLM

from tests.integration.serving.served import Served, serving
from tests.integration.serving_guard.guarded_server import until
from tests.tiny_qwen3 import build, build_speaker
from tests.unit.engine.tiny_adapters import write
from unified_intelligence.adapters.llm.local_models import LocalModels
from unified_intelligence.adapters.llm.transformers_adapter import TransformersAdapter
from unified_intelligence.entities.errors import ConfigurationError, ModelError, ModelNotFoundError
from unified_intelligence.entities.generation import GenerationConfig
from unified_intelligence.factories.provider_factory import ProviderFactory
from unified_intelligence.serving.admission import Admission, Limits
from unified_intelligence.serving.service import Service

LIBRARY: Any = AutoModelForCausalLM  # half typed
QUESTION = "Ça va,  toi ?\n🙂"
SPOKEN = "Très  bien 🙂\u2028merci\nà toi"
GREEDY = GenerationConfig(temperature=0.0, max_tokens=24, thinking=False)
ASKED: dict[str, Any] = {
    "messages": [{"role": "user", "content": QUESTION}],
    "temperature": 0,
    "max_tokens": 24,
    "extra_body": {"enable_thinking": False},
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    where = tmp_path_factory.mktemp("several")
    small, large = build(where / "small"), build(where / "large", pieces=("ation", "ment"), seed=7, heads=(4, 2))
    adapters = {
        "small/fr": write(where / "small-fr", LIBRARY.from_pretrained(small), seed=3),
        "large/fr": write(where / "large-fr", LIBRARY.from_pretrained(large), seed=5),
    }
    return {"small": small, "large": large, "said": build_speaker(where / "said", SPOKEN), **adapters}


@pytest.fixture(scope="module")
def expected(folders: dict[str, Path]) -> dict[str, str]:
    """What each says when it is the only model there is."""
    texts: dict[str, str] = {}
    for name in ("small", "large", "said"):
        own = {key: str(folder) for key, folder in folders.items() if key.startswith(f"{name}/")}
        adapter = TransformersAdapter(model=str(folders[name]), adapters=own, threads=1)
        for called in (name, *own):
            config = GenerationConfig(
                temperature=0.0, max_tokens=24, thinking=False, adapter=called if called in own else None
            )
            texts[called] = adapter.generate(QUESTION, config).text
        adapter.close()
    assert len(set(texts.values())) == 5
    return texts


def several(folders: dict[str, Path], **options: Any) -> LocalModels:
    """As the command line builds them."""
    models = ",".join(f"{name}={folder}" for name, folder in folders.items() if "/" not in name)
    adapters = ",".join(f"{name}={folder}" for name, folder in folders.items() if "/" in name)
    more = {"adapters": adapters} if adapters else {}
    made = ProviderFactory().create("local", models=models, threads=1, slots=4, **more, **options)
    assert isinstance(made, LocalModels)
    return made


def served_of(generator: LocalModels) -> dict[str, Any]:
    """What makes a service of the first that has the others beside it."""
    first, *others = generator.models.items()
    about = {"version": "1.2.3"}
    beside = tuple(Service(own, name, Admission(Limits()), about) for name, own in others)
    return {"generator": first[1], "model": first[0], "beside": beside, "prepare": generator.aprepare}


@pytest.fixture(scope="module")
def generator(folders: dict[str, Path]) -> Iterator[LocalModels]:
    made = several(folders, memory=0.03)
    yield made
    made.close()


@pytest.fixture(scope="module")
def served(generator: LocalModels) -> Iterator[Served]:
    with serving(**served_of(generator)) as served:
        asyncio.run_coroutine_threadsafe(served.service.warm_up(), served.loop).result(120)
        yield served


def test_each_answers_under_its_name_beside_the_others(served: Served, expected: dict[str, str]) -> None:
    async def ask_all() -> list[Any]:
        async with openai.AsyncOpenAI(base_url=f"{served.url}/v1", api_key="unused", max_retries=0) as client:
            create: Any = client.chat.completions.create
            return await asyncio.gather(*(create(model=name, **ASKED) for name in [*expected, *expected]))

    answers = asyncio.run(ask_all())
    assert [(answer.model, answer.choices[0].message.content) for answer in answers] == 2 * list(expected.items())


def test_they_are_listed_and_another_name_is_told_them(served: Served) -> None:
    listed = served.client.models.list().data
    assert [(model.id, getattr(model, "parent", None)) for model in listed] == [
        ("small", None), ("small/fr", "small"), ("large", None), ("large/fr", "large"), ("said", None),
    ]  # fmt: skip
    assert served.client.models.retrieve("large/fr").id == "large/fr"
    with pytest.raises(openai.NotFoundError, match="There are: small, small/fr, large, large/fr, said"):
        served.client.chat.completions.create(model="huge", **ASKED)
    assert httpx2.get(f"{served.url}/ready").status_code == 200
    assert set(httpx2.get(f"{served.url}/version").json()["models"]) == {"small", "large", "said"}


def test_every_endpoint_asks_the_model_that_is_named(served: Served, expected: dict[str, str]) -> None:
    told = served.client.responses.create(
        model="large/fr", input=QUESTION, temperature=0, max_output_tokens=24, reasoning={"effort": "none"}
    )
    assert told.output_text == expected["large/fr"]
    assert served.client.completions.create(model="said", prompt=QUESTION).choices[0].text == SPOKEN
    sizes = {
        name: len(served.client.embeddings.create(model=name, input=QUESTION).data[0].embedding)
        for name in ("small", "said")
    }
    assert sizes["small"] != sizes["said"]
    counts: dict[str, int] = {
        name: httpx2.post(f"{served.url}/tokenize", json={"model": name, "prompt": "paration"}).json()["count"]
        for name in ("small", "said", "large")
    }
    with pytest.raises(openai.NotFoundError, match="makes no embeddings"):
        served.client.embeddings.create(model="large/fr", input=QUESTION)
    assert counts["small"] == 8
    unnamed = httpx2.post(f"{served.url}/tokenize", json={"prompt": "paration"}).json()
    assert unnamed["count"] == counts["small"], "without a name it is the first"


def test_their_memory_is_shared_out_and_they_take_turns(served: Served, generator: LocalModels) -> None:
    assert served.service.state == "ready"
    models: list[Any] = list(generator.models.values())
    engines = [model._ready().engine for model in models]
    assert engines[0].turn is engines[1].turn is engines[2].turn
    assert len({id(engine.forward) for engine in engines}) == 3
    for model, engine in zip(models, engines, strict=True):
        room = int(0.01e9 / engine.forward.token_bytes)
        assert f" {room - room % engine.forward.page} tokens of memory" in model.explanation


def test_asked_as_one_the_first_answers_and_only_that_one_is_loaded(
    folders: dict[str, Path], expected: dict[str, str]
) -> None:
    for options, name in (
        ({}, "small"),
        ({"model": "large"}, "large"),
        ({"adapter": "large/fr"}, "large/fr"),
        ({"model": "large", "adapter": "small/fr"}, "large"),
    ):
        own = several(folders, **options)
        assert own.generate(QUESTION, GREEDY).text == expected[name]
        assert asyncio.run(own.agenerate(QUESTION, GREEDY)).text == expected[name]
        assert [bool(model.explanation) for model in own.models.values()] == [True, False, False]
        assert own.longest_context and own.decode(own.encode(QUESTION)) == QUESTION
        own.close()


def test_one_that_cannot_be_loaded_leaves_the_others_answering(tmp_path: Path) -> None:
    folders = {"good": build_speaker(tmp_path / "good", SPOKEN), "bad": build(tmp_path / "bad")}
    own = several(folders)
    told = folders["bad"] / "config.json"
    told.write_text(told.read_text().replace('"num_hidden_layers": 2', '"num_hidden_layers": 3'))
    with serving(**served_of(own)) as served:
        failures: list[str] = []
        for each in served.service.all:
            each.on_failure = lambda name=each.model: failures.append(name)
        asyncio.run_coroutine_threadsafe(served.service.warm_up(), served.loop).result(120)
        assert (failures, [each.state for each in served.service.all]) == (["bad"], ["ready", "failed"])
        ready = httpx2.get(f"{served.url}/ready")
        assert ready.status_code == 503
        assert "The model 'bad' could not be loaded: model." in ready.json()["error"]["message"]
        assert "answers as good" in ready.json()["error"]["message"]
        create: Any = served.client.chat.completions.create
        answer = create(model="good", **ASKED)
        assert answer.choices[0].message.content == SPOKEN
        with pytest.raises(openai.InternalServerError, match=r"The model 'bad' cannot answer: model. .* as good"):
            served.client.chat.completions.create(model="bad", **ASKED)
        assert [model.id for model in served.client.models.list().data] == ["good", "bad"]
        assert isinstance(served.service.beside[0].failure, ModelError)
    own.close()


def test_a_model_that_is_not_loaded_yet_asks_for_patience(folders: dict[str, Path]) -> None:
    own = several(folders)
    with serving(**served_of(own)) as served:
        for each in served.service.all:
            each.state = "loading"
        refused = httpx2.post(f"{served.url}/v1/embeddings", json={"model": "large", "input": QUESTION})
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "loading")
        assert refused.headers["retry-after"] == "5"
        assert "being loaded" in refused.json()["error"]["message"]
    own.close()


def test_models_that_do_not_fit_together_are_refused_before_any_is_loaded(folders: dict[str, Path]) -> None:
    own = several(folders, memory=1e6)
    with pytest.raises(ConfigurationError, match=r"do not fit the memory together: they need 1000000\.0 GB") as refused:
        asyncio.run(own.aprepare())
    assert all(f"{name} 0." in refused.value.message for name in own.models)
    assert not any(model.explanation for model in own.models.values())
    with serving(**served_of(own)) as served:
        asyncio.run_coroutine_threadsafe(served.service.warm_up(), served.loop).result(60)
        assert until(lambda: httpx2.get(f"{served.url}/ready").json()["error"]["code"] == "failed")
        assert {type(each.failure) for each in served.service.all} == {ConfigurationError}
    own.close()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"model": "huge"}, "There is no model 'huge'"),
        ({"adapters": "fr=./fr"}, "Whose adapter is fr"),
        ({"adapter": "large/es"}, "There is no adapter 'large/es'"),
        ({"draft": "./x"}, "The option draft is for one model"),
        ({"models": "a=/nowhere/a"}, "a: There is no folder /nowhere/a"),
        ({"models": "a"}, "list of NAME=VALUE"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_built(
    folders: dict[str, Path], options: dict[str, Any], said: str
) -> None:
    models = {name: str(folder) for name, folder in folders.items() if "/" not in name}
    with pytest.raises((ConfigurationError, ModelNotFoundError)) as refused:
        ProviderFactory().create("local", **{"models": models, **options})
    assert said in refused.value.message


def test_without_several_the_option_is_as_if_it_were_not_there(folders: dict[str, Path]) -> None:
    one = ProviderFactory().create("local", model=str(folders["said"]), models={}, threads=1)
    assert isinstance(one, TransformersAdapter)
    with pytest.raises(ConfigurationError, match="needs model"):
        ProviderFactory().create("local")
