"""A folder with a Qwen3 model of Transformers as the one file that llama.cpp reads: GGUF, its third version.

Weights are written as they are, in bfloat16, and norms in float32, as llama.cpp's own converter does it. Without merges
in the tokenizer the file has no vocabulary: its model then reads numbers of tokens only.
"""

from __future__ import annotations

import importlib
import json
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import torch

_VERSION, _ALIGNED = 3, 32
_FLOAT32, _BFLOAT16 = 0, 30  # of tensors
_INT, _SIGNED, _FLOAT, _BOOL, _TEXT, _LIST = 4, 5, 6, 7, 8, 9  # of what is told beside them
_NORMAL, _CONTROL, _OWN, _UNUSED = 1, 3, 4, 5  # of tokens
_MOSTLY_BFLOAT16 = 32
_NAMES = {
    "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm",
    "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output", "self_attn.q_norm": "attn_q_norm", "self_attn.k_norm": "attn_k_norm",
    "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
}  # fmt: skip
_OUTER = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}

Told = Mapping[str, tuple[int, Any]]


def write(folder: Path, path: Path) -> None:
    """Raises KeyError for a tensor that Qwen3 does not have."""
    library: Any = importlib.import_module("safetensors.torch")
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    tensors = {_name(name): tensor for name, tensor in library.load_file(folder / "model.safetensors").items()}
    if config["tie_word_embeddings"]:
        tensors.pop("output.weight", None)
    told = _shape(config) | _vocabulary(folder, config["vocab_size"])
    with path.open("wb") as file:
        file.write(struct.pack("<4sIQQ", b"GGUF", _VERSION, len(tensors), len(told)))
        for key, (kind, value) in told.items():
            file.write(_text(key) + struct.pack("<I", kind) + _value(kind, value))
        _write_tensors(file, {name: _laid_out(tensor) for name, tensor in tensors.items()})


def _name(name: str) -> str:
    inner, _, what = name.rpartition(".")
    if inner in _OUTER:
        return f"{_OUTER[inner]}.{what}"
    _, _, layer, rest = inner.split(".", 3)
    return f"blk.{layer}.{_NAMES[rest]}.{what}"


def _laid_out(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.float() if tensor.dim() == 1 else tensor.to(torch.bfloat16).contiguous()


def _write_tensors(file: BinaryIO, tensors: Mapping[str, torch.Tensor]) -> None:
    offset = 0
    for name, tensor in tensors.items():
        kind = _FLOAT32 if tensor.dtype == torch.float32 else _BFLOAT16
        sizes = struct.pack(f"<I{tensor.dim()}Q", tensor.dim(), *reversed(tensor.shape))
        file.write(_text(name) + sizes + struct.pack("<IQ", kind, offset))
        offset += tensor.nbytes + -tensor.nbytes % _ALIGNED
    for tensor in tensors.values():
        file.write(b"\0" * (-file.tell() % _ALIGNED))
        file.write(tensor.view(torch.uint8).numpy().tobytes())
    file.write(b"\0" * (-file.tell() % _ALIGNED))


def _shape(config: Mapping[str, Any]) -> dict[str, tuple[int, Any]]:
    rope: dict[str, Any] = config.get("rope_parameters") or {}
    numbers = {
        "block_count": config["num_hidden_layers"],
        "context_length": config["max_position_embeddings"],
        "embedding_length": config["hidden_size"],
        "feed_forward_length": config["intermediate_size"],
        "attention.head_count": config["num_attention_heads"],
        "attention.head_count_kv": config["num_key_value_heads"],
        "attention.key_length": config["head_dim"],
        "attention.value_length": config["head_dim"],
        "vocab_size": config["vocab_size"],
    }
    fractions = {
        "attention.layer_norm_rms_epsilon": config["rms_norm_eps"],
        "rope.freq_base": rope.get("rope_theta") or config["rope_theta"],
    }
    return {
        "general.architecture": (_TEXT, "qwen3"),
        "general.file_type": (_INT, _MOSTLY_BFLOAT16),
        **{f"qwen3.{name}": (_INT, number) for name, number in numbers.items()},
        **{f"qwen3.{name}": (_FLOAT, number) for name, number in fractions.items()},
    }


def _vocabulary(folder: Path, rows: int) -> dict[str, tuple[int, Any]]:
    spelled = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    settings = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in spelled["model"]["merges"]]
    if not merges:
        return {"tokenizer.ggml.model": (_TEXT, "none")}
    tokens = [f"[PAD{number}]" for number in range(rows)]
    kinds = [_UNUSED] * rows
    for token, number in spelled["model"]["vocab"].items():
        tokens[number], kinds[number] = token, _NORMAL
    for added in spelled["added_tokens"]:
        tokens[added["id"]], kinds[added["id"]] = added["content"], _CONTROL if added["special"] else _OWN
    template = folder / "chat_template.jinja"
    return {
        "tokenizer.ggml.model": (_TEXT, "gpt2"),
        "tokenizer.ggml.pre": (_TEXT, "qwen2"),
        "tokenizer.ggml.tokens": (_LIST, (_TEXT, tokens)),
        "tokenizer.ggml.token_type": (_LIST, (_SIGNED, kinds)),
        "tokenizer.ggml.merges": (_LIST, (_TEXT, merges)),
        "tokenizer.ggml.eos_token_id": (_INT, tokens.index(_spelling(settings["eos_token"]))),
        "tokenizer.ggml.add_bos_token": (_BOOL, False),
        "tokenizer.chat_template": (
            _TEXT,
            template.read_text(encoding="utf-8") if template.is_file() else settings["chat_template"],
        ),
    }


def _spelling(token: str | Mapping[str, str]) -> str:
    return token if isinstance(token, str) else token["content"]


def _text(text: str) -> bytes:
    spelled = text.encode()
    return struct.pack("<Q", len(spelled)) + spelled


def _value(kind: int, value: Any) -> bytes:
    if kind == _TEXT:
        return _text(value)
    if kind == _LIST:
        inner, values = value
        return struct.pack("<IQ", inner, len(values)) + b"".join(_values(inner, values))
    return struct.pack({_INT: "<I", _SIGNED: "<i", _FLOAT: "<f", _BOOL: "<?"}[kind], value)


def _values(kind: int, values: list[Any]) -> Iterator[bytes]:
    return (_value(kind, value) for value in values)
