"""A model and its adapters behind OpenAI's API: each answers under its own name, several of them at once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest
from transformers import AutoModelForCausalLM, AutoTokenizer

from tests.integration.engine.tiny_adapters import merged, write
from tests.integration.serving.served import Served, serving
from tests.tiny_qwen3 import build
from unified_intelligence.adapters.llm.transformers_adapter import TransformersAdapter
from unified_intelligence.entities.errors import InvalidRequestError, UnknownNameError
from unified_intelligence.entities.generation import GenerationConfig

LIBRARY: Any = AutoModelForCausalLM  # half typed
TOKENIZERS: Any = AutoTokenizer
GREEDY = GenerationConfig(temperature=0.0, max_tokens=24, thinking=False)
QUESTION = "Ça va,  toi ?\n🙂"
ASKED: dict[str, Any] = {
    "messages": [{"role": "user", "content": QUESTION}],
    "temperature": 0,
    "max_tokens": 24,
    "extra_body": {"enable_thinking": False},
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    where = tmp_path_factory.mktemp("served")
    model = LIBRARY.from_pretrained(build(where / "le modèle"))
    adapters = {name: write(where / name, model, seed=seed) for seed, name in enumerate(("fr", "sql"), 5)}
    return {"": where / "le modèle", **adapters}


@pytest.fixture(scope="module")
def expected(folders: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What models say whose weights are merged and saved."""
    texts: dict[str, str] = {}
    for name, folder in folders.items():
        whole, kept = folders[""], tmp_path_factory.mktemp("merged")
        if name:
            merged(LIBRARY.from_pretrained(whole), folder).save_pretrained(kept)
            TOKENIZERS.from_pretrained(whole).save_pretrained(kept)
            whole = kept
        adapter = TransformersAdapter(model=str(whole), threads=1, engine="transformers")
        texts[name] = adapter.generate(QUESTION, GREEDY).text
        adapter.close()
    assert len(set(texts.values())) == 3
    return texts


@pytest.fixture(scope="module")
def served(folders: dict[str, Path]) -> Iterator[Served]:
    adapters = {name: str(folder) for name, folder in folders.items() if name}
    generator = TransformersAdapter(model=str(folders[""]), adapters=adapters, adapter="sql", threads=1, slots=6)
    with serving(generator, model="base", aliases=("base-2",)) as served:
        yield served
    generator.close()


def test_each_answers_under_its_name_in_the_same_batch(served: Served, expected: dict[str, str]) -> None:
    names = {"base": "", "fr": "fr", "sql": "sql", "base-2": ""}

    async def ask_all() -> list[tuple[str, str, str | None]]:
        async with openai.AsyncOpenAI(base_url=f"{served.url}/v1", api_key="unused", max_retries=0) as client:
            create: Any = client.chat.completions.create
            asked = [create(model=name, **ASKED) for name in [*names, *names]]
            answers: list[Any] = await asyncio.gather(*asked)
            return [
                (name, answer.model, answer.choices[0].message.content)
                for name, answer in zip([*names, *names], answers, strict=True)
            ]

    for name, told, text in asyncio.run(ask_all()):
        assert (told, text) == (name, expected[names[name]])


def test_they_are_listed_beside_the_model(served: Served) -> None:
    listed = served.client.models.list().data
    assert [(model.id, getattr(model, "parent", None)) for model in listed] == [
        ("base", None), ("base-2", None), ("fr", "base"), ("sql", "base"),
    ]  # fmt: skip
    assert served.client.models.retrieve("fr").id == "fr"
    with pytest.raises(openai.NotFoundError, match="not served here"):
        served.client.chat.completions.create(model="es", **ASKED)


def test_other_endpoints_know_whom_they_ask(served: Served, expected: dict[str, str]) -> None:
    answer = served.client.responses.create(
        model="fr", input=QUESTION, temperature=0, max_output_tokens=24, reasoning={"effort": "none"}
    )
    assert answer.output_text == expected["fr"]
    plain = [
        served.client.completions.create(model=name, prompt=QUESTION, temperature=0, max_tokens=24).choices[0].text
        for name in ("base", "fr")
    ]
    assert plain[0] != plain[1]
    with pytest.raises(openai.NotFoundError, match="makes no embeddings"):
        served.client.embeddings.create(model="fr", input=QUESTION)
    assert served.client.embeddings.create(model="base", input=QUESTION).data
    tokens = [
        httpx2.post(f"{served.url}/tokenize", json={"model": name, "prompt": QUESTION}).json()
        for name in ("base", "fr")
    ]
    assert tokens[0] == tokens[1]


def test_in_python_the_request_names_it_or_the_option_does(
    served: Served, folders: dict[str, Path], expected: dict[str, str]
) -> None:
    generator: Any = served.service.generator
    assert generator.adapters == ("fr", "sql")
    for name, wanted in ((None, "sql"), ("fr", "fr"), ("", "")):
        config = GenerationConfig(temperature=0.0, max_tokens=24, thinking=False, adapter=name)
        assert generator.generate(QUESTION, config).text == expected[wanted]
    with pytest.raises(InvalidRequestError, match="no adapter 'es'") as refused:
        generator.generate(QUESTION, GenerationConfig(adapter="es"))
    assert "fr, sql" in refused.value.hint
    with pytest.raises(UnknownNameError, match="no adapter 'es'"):
        TransformersAdapter(model=str(folders[""]), adapter="es")


def test_a_request_may_let_others_go_first_and_not_push_ahead(served: Served) -> None:
    answer = httpx2.post(
        f"{served.url}/v1/chat/completions",
        json={"model": "fr", "messages": ASKED["messages"], "priority": 3, "max_wait": 30, "max_tokens": 2},
        timeout=60,
    )
    assert answer.status_code == 200
    refused = httpx2.post(
        f"{served.url}/v1/chat/completions",
        json={"model": "fr", "messages": ASKED["messages"], "priority": -1},
    )
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "priority")
