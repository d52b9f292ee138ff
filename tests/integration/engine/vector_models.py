"""Models made for embeddings, a few hundred kilobytes of random weights, with the files that say how; and their
vectors by Transformers alone, all texts padded in one batch.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import importlib
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from tests.tiny_qwen3 import build

SIZE = 264  # numbers of a state
END = "<|endoftext|>"  # which the tokenizer puts behind every text
MODULE = "sentence_transformers.models."
TEXTS = ["Ça va ? 🙂", "Un texte plus long,\navec deux lignes.\u2028", "a", "  ÀÉ blancs  ", "b" * 300]
ASK = "Instruct: trouve ce qui répond\nQuery:"


def vector_model(where: Path, *, headless: bool = True, config: Mapping[str, object] | None = None) -> Path:
    """Without modules; `headless`: as models are saved that were trained for vectors, no weights choose a token."""
    folder = build(where, template=None)
    library: Any = importlib.import_module("tokenizers")
    tokenizer = library.Tokenizer.from_file(str(folder / "tokenizer.json"))
    end = (END, tokenizer.token_to_id(END))
    tokenizer.post_processor = library.processors.TemplateProcessing(single=f"$A {END}", special_tokens=[end])
    tokenizer.save(str(folder / "tokenizer.json"))
    if headless:
        _saved(folder).base_model.save_pretrained(folder)
    change(folder / "config.json", **(config or {}))
    return folder


def with_modules(
    base: Path,
    folder: Path,
    pooling: Mapping[str, object],
    *steps: Mapping[str, object] | None,
    settings: Mapping[str, object] | None = None,
    reading: Mapping[str, object] | None = None,
) -> Path:
    """A copy of the model that says how its vectors are made; a step is the config of a Dense, None a Normalize."""
    shutil.copytree(base, folder)
    modules = [("", "Transformer"), ("1_Pooling", "Pooling")]
    _write(folder / "1_Pooling" / "config.json", {"word_embedding_dimension": SIZE, **pooling})
    for number, step in enumerate(steps, 2):
        kind = "Normalize" if step is None else "Dense"
        modules.append((f"{number}_{kind}", kind))
        if step is not None:
            _write(folder / modules[-1][0] / "config.json", step)
            _write_weights(folder / modules[-1][0], step, number)
    _write(
        folder / "modules.json",
        [{"idx": at, "name": str(at), "path": path, "type": MODULE + kind} for at, (path, kind) in enumerate(modules)],
    )
    _write(
        folder / "config_sentence_transformers.json", {"prompts": {}, "default_prompt_name": None, **(settings or {})}
    )
    _write(folder / "sentence_bert_config.json", {"max_seq_length": 4096, "do_lower_case": False, **(reading or {})})
    return folder


def change(path: Path, **fields: object) -> None:
    _write(path, json.loads(path.read_text()) | fields)


def states(folder: Path, texts: Sequence[str]) -> tuple[torch.Tensor, torch.Tensor]:
    """The last states of texts in one padded batch, and a mask of shape (texts, tokens, 1) of what is no padding."""
    library: Any = importlib.import_module("transformers")
    tokenizer = library.AutoTokenizer.from_pretrained(folder)
    told = tokenizer(list(texts), padding=True, return_tensors="pt", add_special_tokens=(folder / "1_Pooling").is_dir())
    with torch.inference_mode():
        found = _saved(folder).base_model(input_ids=told["input_ids"], attention_mask=told["attention_mask"])
    return found.last_hidden_state, told["attention_mask"][:, :, None].float()


def dense(folder: Path, x: torch.Tensor, activation: Any) -> torch.Tensor:
    library: Any = importlib.import_module("safetensors.torch")
    weights = library.load_file(folder / "model.safetensors")
    return activation(x @ weights["linear.weight"].T + weights.get("linear.bias", 0.0))


def _saved(folder: Path) -> Any:
    library: Any = importlib.import_module("transformers")
    return library.AutoModelForCausalLM.from_pretrained(folder).eval()


def _write_weights(folder: Path, step: Mapping[str, Any], seed: int) -> None:
    source = torch.Generator().manual_seed(seed)
    inputs, outputs = step["in_features"], step["out_features"]
    tensors = {"linear.weight": torch.randn(outputs, inputs, generator=source) / inputs**0.5}
    if step.get("bias", True):
        tensors["linear.bias"] = torch.randn(outputs, generator=source)
    if step.get("use_residual") and inputs != outputs:
        tensors["residual.weight"] = torch.randn(outputs, inputs, generator=source) / inputs**0.5
    library: Any = importlib.import_module("safetensors.torch")
    library.save_file(tensors, folder / "model.safetensors")


def _write(path: Path, value: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, ensure_ascii=False))
