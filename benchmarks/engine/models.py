"""Models of a true shape with random weights, and a tokenizer for them, made where they are used."""

from __future__ import annotations

import importlib
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from tests.tiny_qwen3 import TEMPLATE
from unified_intelligence.engine.place import Quantization

CUT = 32_000
_SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
_TAGS = ("<think>", "</think>", "<tool_call>", "</tool_call>")
_LONGEST = 4096


@dataclass(frozen=True, slots=True)
class Shape:
    """What a published model's config.json says of its size."""

    name: str
    vocabulary: int
    hidden: int
    layers: int
    heads: int
    keys: int
    inner: int
    tied: bool

    def cut(self) -> Shape:
        """With a smaller vocabulary, so that the layers and not the head take the time."""
        return replace(self, vocabulary=CUT)

    def __str__(self) -> str:
        return f"{self.name} shape, vocabulary {self.vocabulary}, random weights"


SMALL = Shape("Qwen3-0.6B", 151_936, 1024, 28, 16, 8, 3072, tied=True)
LARGE = Shape("Qwen3-8B", 151_936, 4096, 36, 32, 8, 12_288, tied=False)
TINY = Shape("a small Qwen3", 4096, 128, 2, 4, 2, 384, tied=True)


def random_model(shape: Shape, device: str = "cpu") -> Any:
    """A Qwen3ForCausalLM in bfloat16."""
    library: Any = importlib.import_module("transformers")
    config = library.Qwen3Config(
        vocab_size=shape.vocabulary,
        hidden_size=shape.hidden,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.keys,
        head_dim=128,
        intermediate_size=shape.inner,
        max_position_embeddings=_LONGEST,
        rope_parameters={"rope_type": "default", "rope_theta": 1_000_000.0},
        tie_word_embeddings=shape.tied,
    )
    default = torch.get_default_dtype()
    torch.set_default_dtype(torch.bfloat16)
    try:
        with torch.device(device):
            model = library.Qwen3ForCausalLM(config)
    finally:
        torch.set_default_dtype(default)
    model.generation_config.eos_token_id = None  # an answer is as long as was asked for
    model.generation_config.pad_token_id = 0
    return model.eval()


def fused(model: Any, quantization: Quantization = "none") -> Any:
    """The engine's own forward pass, in large pages as a server's; it takes the weights out of the model."""
    from unified_intelligence.engine.fused import FusedForward
    from unified_intelligence.engine.huge_pages import Gathering

    with torch.inference_mode():
        forward = FusedForward(model, longest=_LONGEST, quantization=quantization)
    Gathering(forward.weights()).all()
    return forward


@contextmanager
def saved(shape: Shape, tokenizer: Path | None) -> Generator[Path]:
    """A folder with the model and a tokenizer, gone afterwards."""
    with TemporaryDirectory(prefix="uic-benchmark-") as name:
        folder = Path(name) / shape.name.lower().replace(" ", "-")
        spelled = tokenizer_of(tokenizer, shape.vocabulary)
        model = random_model(shape)
        model.generation_config.eos_token_id = model.config.eos_token_id = spelled.eos_token_id
        model.save_pretrained(folder)
        spelled.save_pretrained(folder)
        yield folder


def tokenizer_of(folder: Path | None, size: int) -> Any:
    """The one in the folder, else one of bytes and made-up words, as many as the model has rows."""
    library: Any = importlib.import_module("transformers")
    if folder:
        return library.AutoTokenizer.from_pretrained(folder)
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    words = [f"Ġw{number}" for number in range(size - len(letters) - len(_SPECIAL) - len(_TAGS))]
    inner: Any = Tokenizer(models.BPE({token: at for at, token in enumerate([*letters, *words])}, []))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    inner.decoder = decoders.ByteLevel()
    inner.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in _SPECIAL])
    inner.add_tokens([AddedToken(token, special=False, normalized=False) for token in _TAGS])
    made = library.PreTrainedTokenizerFast(
        tokenizer_object=inner, eos_token=_SPECIAL[2], pad_token=_SPECIAL[0], model_max_length=_LONGEST
    )
    made.chat_template = TEMPLATE
    return made
