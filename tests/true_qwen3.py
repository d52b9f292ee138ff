"""Qwen3's own tokenizer and chat template, had without the Hub, and models of random weights that speak it.

The source distribution of llama-cpp-python carries the vocabulary and the merges that Qwen2 and Qwen3 share, and the
template. With the 26 tokens that Qwen3 adds, the file of the tokenizer is, to the byte, the one that Qwen publishes.
It is fetched once, by pip, and 15 MB are kept in the user's cache; where it cannot be had, `vocabulary` says why.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from tests import copying_backend
from tests.gguf import fields_of
from unified_intelligence.disk.lock import lock

PACKAGE = "llama-cpp-python==0.3.36"
BACKEND = "scikit_build_core"  # what this package is built with
PUBLISHED = "aeb13307a71acd8fe81861d94ad54ab689df773318809eed3cbe794b4492dae4"  # SHA-256 of Qwen3's tokenizer.json
TEMPLATE = "87a2728cb8dc9fe424d624542f6060ec05a1d285ebbec578bb078900e33396b5"  # and of its chat template, first edition
CASES = "ggml-vocab-qwen2.gguf"  # with .inp and .out: texts and their tokens, from who made the distribution
PADDED = 151_936  # rows of Qwen3's embedding; the last 267 are no token's
SPECIAL = (
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|object_ref_start|>", "<|object_ref_end|>", "<|box_start|>",
    "<|box_end|>", "<|quad_start|>", "<|quad_end|>", "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>",
    "<|image_pad|>", "<|video_pad|>",
)  # fmt: skip
NAMED = (
    "<tool_call>", "</tool_call>", "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>", "<|fim_pad|>",
    "<|repo_name|>", "<|file_sep|>", "<tool_response>", "</tool_response>", "<think>", "</think>",
)  # fmt: skip
_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_MODELS = "vendor/llama.cpp/models"
_JINJA = "Qwen-Qwen3-0.6B.jinja"
_LONGEST = 60  # seconds for 77 MB
_LATER = 600  # seconds before what failed is tried again


class NotToBeHadError(Exception):
    """In a sentence why, and what to do."""


@cache
def vocabulary() -> Path:
    """The folder of the tokenizer. Raises NotToBeHadError."""
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "unified-intelligence"
    folder, failed = caches / "qwen3-vocabulary", caches / ".qwen3-vocabulary.failed"
    try:
        caches.mkdir(parents=True, exist_ok=True)
        with _alone(caches / ".qwen3-vocabulary.lock"):
            if not folder.is_dir():
                _spare(failed)
                try:
                    _make(folder)
                except NotToBeHadError as error:
                    failed.write_text(str(error))
                    raise
    except OSError as error:
        raise NotToBeHadError(f"Qwen3's vocabulary cannot be kept: {error}") from error
    return folder


def build(folder: Path, *, width: int = 16, seed: int = 0) -> Path:
    """A model of random weights, all but its embedding of a few thousand, in float32."""
    library: Any = importlib.import_module("torch")
    transformers: Any = importlib.import_module("transformers")
    with library.random.fork_rng():
        library.manual_seed(seed)
        model = transformers.Qwen3ForCausalLM(
            transformers.Qwen3Config(
                vocab_size=PADDED, hidden_size=width, num_hidden_layers=2, num_attention_heads=2,
                num_key_value_heads=1, head_dim=16, intermediate_size=32, max_position_embeddings=4096,
                tie_word_embeddings=True, bos_token_id=151_643, eos_token_id=151_645, initializer_range=0.3,
            )
        )  # fmt: skip
    model.save_pretrained(folder)
    for file in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        shutil.copyfile(vocabulary() / file, folder / file)
    return folder


def cases() -> list[tuple[str, list[int]]]:
    """Texts and their tokens, as the distribution has them."""
    texts = (vocabulary() / f"{CASES}.inp").read_text().split("\n__ggml_vocab_test__\n")
    tokens = (vocabulary() / f"{CASES}.out").read_text().split("\n")
    return [(text, [int(token) for token in line.split()]) for text, line in zip(texts, tokens, strict=False)]


@contextmanager
def _alone(path: Path) -> Generator[None]:
    """While no other process of these tests does the same."""
    until = time.monotonic() + 2 * _LONGEST
    while True:
        try:
            held = lock(path)
            break
        except BlockingIOError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)
    try:
        yield
    finally:
        os.close(held)


def _spare(failed: Path) -> None:
    """Raises NotToBeHadError where it was tried a moment ago: each worker of a run would wait as long again."""
    try:
        when, why = failed.stat().st_mtime, failed.read_text()
    except FileNotFoundError:
        return
    if time.time() - when < _LATER:
        raise NotToBeHadError(why)


def _make(folder: Path) -> None:
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".qwen3-vocabulary.") as made:
        fetched, built = Path(made, "fetched"), Path(made, "built")
        fetched.mkdir()
        built.mkdir()
        _fetch(fetched, Path(made))
        fields = fields_of((fetched / CASES).read_bytes())
        written = json.dumps(_tokenizer(fields), ensure_ascii=False, indent=2).encode()
        template = (fetched / _JINJA).read_bytes()
        if (hashlib.sha256(written).hexdigest(), hashlib.sha256(template).hexdigest()) != (PUBLISHED, TEMPLATE):
            raise NotToBeHadError(f"{PACKAGE} does not hold Qwen3's vocabulary as it is published.")
        (built / "tokenizer.json").write_bytes(written)
        (built / "chat_template.jinja").write_bytes(template)
        (built / "tokenizer_config.json").write_text(json.dumps(_config(), indent=2))
        for end in ("inp", "out"):
            shutil.copyfile(fetched / f"{CASES}.{end}", built / f"{CASES}.{end}")
        built.rename(folder)


def _fetch(fetched: Path, room: Path) -> None:
    wanted = [f"{_MODELS}/{CASES}", f"{_MODELS}/{CASES}.inp", f"{_MODELS}/{CASES}.out", f"{_MODELS}/templates/{_JINJA}"]
    backend = room / "backend" / BACKEND
    backend.mkdir(parents=True)
    (backend / "__init__.py").touch()
    shutil.copyfile(copying_backend.__file__, backend / "build.py")
    told = {
        "PYTHONPATH": str(backend.parent), "TMPDIR": str(room), copying_backend.NAMED: PACKAGE,
        copying_backend.WANTED: os.pathsep.join(wanted), copying_backend.KEPT: str(fetched),
    }  # fmt: skip
    name = PACKAGE.partition("=")[0]
    how = ["--no-deps", "--no-binary", name, "--no-build-isolation", "--no-cache-dir", "--retries", "1"]
    line = [sys.executable, "-m", "pip", "download", "--quiet", "--timeout", "10", *how, "--dest", str(room), PACKAGE]
    try:
        run = subprocess.run(line, env=os.environ | told, capture_output=True, text=True, timeout=_LONGEST, check=False)
        why = "" if run.returncode == 0 else (run.stderr.strip().splitlines() or [f"exit {run.returncode}"])[-1]
    except subprocess.TimeoutExpired:
        why = f"not done after {_LONGEST} s"
    if why:
        raise NotToBeHadError(
            f"Qwen3's vocabulary is not here, and pip cannot fetch {PACKAGE}, which has it: {why[:200]}"
        )


def _tokenizer(fields: dict[str, Any]) -> dict[str, Any]:
    """As Qwen publishes it, key by key."""
    bytes_ = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False}
    ordinary = fields["tokenizer.ggml.tokens"][: fields["tokenizer.ggml.tokens"].index(SPECIAL[0])]
    added = [
        {"id": len(ordinary) + at, "content": name, "single_word": False, "lstrip": False, "rstrip": False,
         "normalized": False, "special": at < len(SPECIAL)}
        for at, name in enumerate(SPECIAL + NAMED)
    ]  # fmt: skip
    split = {"type": "Split", "pattern": {"Regex": _SPLIT}, "behavior": "Isolated", "invert": False}
    return {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": added, "normalizer": {"type": "NFC"},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [split, bytes_]}, "post_processor": bytes_,
        "decoder": bytes_,
        "model": {
            "type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": "",
            "end_of_word_suffix": "", "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
            "vocab": {token: at for at, token in enumerate(ordinary)},
            "merges": [merge.split(" ") for merge in fields["tokenizer.ggml.merges"]],
        },
    }  # fmt: skip


def _config() -> dict[str, Any]:
    """What matters of Qwen3's tokenizer_config.json."""
    return {
        "add_bos_token": False, "add_prefix_space": False, "bos_token": None, "clean_up_tokenization_spaces": False,
        "eos_token": "<|im_end|>", "errors": "replace", "model_max_length": 131_072, "pad_token": "<|endoftext|>",
        "split_special_tokens": False, "tokenizer_class": "Qwen2Tokenizer", "unk_token": None,
    }  # fmt: skip


if __name__ == "__main__":
    sys.stdout.write(f"{vocabulary()}\n")
