"""The forward pass in NumPy and that of transformers are the same function."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from unified_intelligence.embedded.forward import Qwen3Forward
from unified_intelligence.embedded.prompt import render
from unified_intelligence.embedded.reading import Reading
from unified_intelligence.embedded.router import FOLDER
from unified_intelligence.embedded.tokens import Tokens

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

QUESTION = "Quelle mensualité pour 200 000 € sur 20 ans à 3,5 % ? 🙂"


@pytest.fixture(scope="module")
def grouped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights, with heads that share keys and values and an output head of its own."""
    folder = tmp_path_factory.mktemp("grouped")
    torch.manual_seed(3)
    config = transformers.Qwen3Config(
        vocab_size=97, hidden_size=48, intermediate_size=80, num_hidden_layers=3, num_attention_heads=6,
        num_key_value_heads=2, head_dim=16, max_position_embeddings=512, tie_word_embeddings=False,
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
    )  # fmt: skip
    transformers.Qwen3ForCausalLM(config).save_pretrained(folder)
    return folder


def _peer(folder: Path) -> object:
    return transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()


def _logits(peer: object, tokens: list[int]) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    with torch.no_grad():
        return peer(torch.tensor([tokens])).logits[0].numpy()  # type: ignore[operator]


def test_logits_agree_for_shared_heads_and_an_untied_head(grouped: Path) -> None:
    tokens = [5, 17, 3, 96, 3, 3, 41, 0, 17]
    expected = _logits(_peer(grouped), tokens)[-1]
    model = Qwen3Forward.load(grouped)
    np.testing.assert_allclose(model.step(tokens, model.new_cache()), expected, atol=1e-4)


def test_a_cache_fed_in_pieces_gives_what_one_pass_gives(grouped: Path) -> None:
    model = Qwen3Forward.load(grouped)
    tokens = [int(token) for token in np.random.default_rng(0).integers(0, 97, 300)]  # more than one step of the cache
    whole = model.step(tokens, model.new_cache())
    cache = model.new_cache()
    for piece in (tokens[:1], tokens[1:7], tokens[7:280], tokens[280:299]):
        model.step(piece, cache)
    np.testing.assert_allclose(model.step(tokens[299:], cache), whole, atol=1e-4)


def test_a_rewound_cache_has_forgotten(grouped: Path) -> None:
    model = Qwen3Forward.load(grouped)
    cache = model.new_cache()
    model.step([1, 2, 3], cache)
    model.step([50, 60], cache)
    cache.rewind(3)
    expected = model.step([1, 2, 3, 4], model.new_cache())
    np.testing.assert_allclose(model.step([4], cache), expected, atol=1e-4)


def test_the_packaged_model_gives_the_same_logits_and_the_same_text() -> None:
    peer, model, tokens = _peer(FOLDER), Qwen3Forward.load(FOLDER), Tokens.load(FOLDER)
    written = tokens.encode(render(FOLDER, Reading.of(QUESTION).text))
    cache = model.new_cache()
    logits = model.step(written, cache)
    np.testing.assert_allclose(logits, _logits(peer, written)[-1], atol=1e-4)
    greedy: list[int] = []
    for _ in range(40):
        greedy.append(int(logits.argmax()))
        logits = model.step(greedy[-1:], cache)
    expected = peer.generate(  # type: ignore[attr-defined]
        torch.tensor([written]), max_new_tokens=40, do_sample=False, eos_token_id=None
    )[0, len(written) :].tolist()
    assert greedy == expected
    assert "loan_payment" in tokens.decode(greedy)


def test_transformers_reads_the_tokenizer_and_the_template_as_we_do(tmp_path: Path) -> None:
    folder = shutil.copytree(FOLDER, tmp_path / "model")
    theirs, ours = transformers.AutoTokenizer.from_pretrained(folder), Tokens.load(FOLDER)
    function = {
        "name": "get_weather",
        "description": "weather of a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string", "description": "where"}},
            "required": ["city"],
        },
    }
    for tools in ([], [function]):
        rendered = theirs.apply_chat_template(
            [{"role": "user", "content": QUESTION}], tools=tools or None, add_generation_prompt=True, tokenize=False
        )
        assert rendered == render(FOLDER, QUESTION, tools)
        assert theirs.encode(rendered, add_special_tokens=False) == ours.encode(rendered)
    call = '<tool_call>\n{"name": "define", "arguments": {"term": "l\'été  à   Zoë\'s"}}\n</tool_call>'
    assert theirs.encode(call, add_special_tokens=False) == ours.encode(call)
    assert ours.decode(ours.encode(call)) == call
