"""A model made for embeddings behind OpenAI's API: its prompts, its sizes, and what it says of itself."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import httpx2
import openai
import pytest

from tests.integration.engine.vector_models import ASK, SIZE, TEXTS, vector_model, with_modules
from tests.integration.serving.served import Served, serving
from unified_intelligence.adapters.llm.transformers_adapter import TransformersAdapter


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    where = tmp_path_factory.mktemp("served")
    base = vector_model(where / "base", config={"matryoshka_dimensions": [16, 64]})
    settings = {"prompts": {"query": ASK, "document": ""}}
    folder = with_modules(base, where / "le modèle", {"pooling_mode": "lasttoken"}, None, settings=settings)
    generator = TransformersAdapter(model=str(folder), threads=1)
    with serving(generator, model="vecteurs") as served:
        yield served
    generator.close()


def asked(served: Served, texts: Any, **more: Any) -> list[list[float]]:
    answer = served.client.embeddings.create(model="vecteurs", input=texts, **more)
    return [each.embedding for each in answer.data]


def test_a_query_is_asked_for_by_the_name_of_its_prompt_or_written_out(served: Served) -> None:
    queries = asked(served, TEXTS, extra_body={"prompt_name": "query"})
    for one, other in zip(queries, asked(served, [ASK + text for text in TEXTS]), strict=True):
        assert one == pytest.approx(other, abs=1e-6)
        assert math.hypot(*one) == pytest.approx(1, abs=1e-5)
    plain = asked(served, TEXTS)
    assert plain == asked(served, TEXTS, extra_body={"prompt_name": "document"})
    assert queries[0] != pytest.approx(plain[0], abs=1e-2)
    with pytest.raises(openai.BadRequestError, match=r"no prompt 'passage' .* it has: document, query"):
        asked(served, "x", extra_body={"prompt_name": "passage"})


def test_tokens_are_read_as_the_text_they_are(served: Served) -> None:
    tokens = httpx2.post(f"{served.url}/tokenize", json={"model": "vecteurs", "prompt": TEXTS[0]}).json()["tokens"]
    assert asked(served, tokens)[0] == pytest.approx(asked(served, TEXTS[0])[0], abs=1e-6)


def test_they_are_cut_to_what_the_model_was_trained_for(served: Served) -> None:
    whole, cut = asked(served, "Ça 🙂")[0], asked(served, "Ça 🙂", dimensions=16)[0]
    length = math.hypot(*whole[:16])
    assert cut == pytest.approx([number / length for number in whole[:16]], abs=1e-5)
    with pytest.raises(openai.BadRequestError, match=f"{SIZE} dimensions, not 17, and may be cut to 16, 64"):
        asked(served, "x", dimensions=17)


def test_it_says_how_they_are_made_and_writes_nothing(served: Served) -> None:
    told = httpx2.get(f"{served.url}/version").json()["explanation"]
    assert "vectors: the model's own, the last token's state, brought to length one" in told
    with pytest.raises(openai.BadRequestError, match="no weights that choose a token"):
        served.client.chat.completions.create(model="vecteurs", messages=[{"role": "user", "content": "Ça va ?"}])
