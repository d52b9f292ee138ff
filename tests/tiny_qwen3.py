"""Qwen3 models of a few hundred kilobytes: one with random weights, one that says a given text by heart.

The tokenizer knows the 256 bytes, Qwen3's own special tokens, and what `say` adds; nothing is ever merged.
"""

from __future__ import annotations

import importlib
from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
_TAGS = ("<think>", "</think>", "<tool_call>", "</tool_call>")
_BREAK = "\n\n"  # one token in Qwen3's vocabulary, and here where it follows the reasoning
LONGEST = 4096

TEMPLATE = """
{%- if tools %}{{ '<|im_start|>system\\n# Tools\\n' }}
{%- for tool in tools %}{{ tool | tojson + '\\n' }}{% endfor %}
{{- 'Answer with <tool_call>\\n{"name": ..., "arguments": ...}\\n</tool_call>.<|im_end|>\\n' }}{% endif %}
{%- for message in messages %}
  {{- '<|im_start|>' + message.role + '\\n' + message.content }}
  {%- for call in message.tool_calls or [] %}
    {{- '\\n<tool_call>\\n{"name": "' + call.function.name + '", "arguments": ' }}
    {{- call.function.arguments | tojson + '}\\n</tool_call>' }}
  {%- endfor %}
  {{- '<|im_end|>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
  {{- '<|im_start|>assistant\\n' }}
  {%- if enable_thinking is defined and enable_thinking is false %}{{ '<think>\\n\\n</think>\\n\\n' }}{% endif %}
{%- endif %}"""


def build(
    folder: Path,
    *,
    template: str | None = TEMPLATE,
    pieces: Sequence[str] = (),
    seed: int = 0,
    heads: tuple[int, int] = (2, 1),
) -> Path:
    """A model of random weights; heads are those of queries and of keys."""
    tokenizer = _tokenizer(pieces, template)
    _save(folder, tokenizer, _model(tokenizer, seed, heads))
    return folder


def build_speaker(folder: Path, text: str, *, template: str = TEMPLATE) -> Path:
    """A model that answers every question with the text: the next token is a function of the last one.

    Each step has a token of its own, as short as can be, so characters and tags are cut wherever possible.
    """
    pieces = _distinct_pieces(text)
    whole = (*_TAGS, _BREAK)
    tokenizer = _tokenizer([piece for piece in pieces if piece not in whole], template, breaks=_BREAK in pieces)
    model = _model(tokenizer, 0)
    chain = [_id(tokenizer, piece) for piece in ("\n", *pieces, "<|im_end|>")]
    _write_chain(model, chain)
    _save(folder, tokenizer, model)
    return folder


def _distinct_pieces(text: str) -> list[str]:
    """The text in pieces of its bytes, each as a byte-level token, none twice; a tag is its token once."""
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    letter = bytes_to_unicode()
    rest, used, pieces = text, {letter[10]}, list[str]()
    while rest:
        tag = next((tag for tag in _TAGS if rest.startswith(tag) and tag not in pieces), None)
        if tag:
            pieces.append(tag)
            rest = rest[len(tag) :]
            if tag == "</think>" and rest.startswith(_BREAK):
                pieces.append(_BREAK)
                rest = rest[len(_BREAK) :]
            continue
        until = min((at for tag in _TAGS if tag not in pieces and (at := rest.find(tag)) > 0), default=len(rest))
        run = "".join(letter[byte] for byte in rest[:until].encode())
        while run:
            size = next((size for size in range(1, len(run) + 1) if run[:size] not in used), 0)
            if not size:  # the last bytes are all spent: they join the piece before
                pieces[-1] += run
                size = len(run)
            else:
                pieces.append(run[:size])
            used.add(pieces[-1])
            run = run[size:]
        rest = rest[until:]
    assert len(set(pieces)) == len(pieces)
    return pieces


def _tokenizer(pieces: Sequence[str], template: str | None, *, breaks: bool = False) -> Any:
    import tokenizers
    from tokenizers import AddedToken, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    longer = sorted(set(pieces) - set(alphabet))
    inner: Any = tokenizers.Tokenizer(
        models.BPE({token: index for index, token in enumerate([*alphabet, *longer])}, [])
    )
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    inner.decoder = decoders.ByteLevel()
    inner.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in _SPECIAL])
    inner.add_tokens([AddedToken(token, special=False, normalized=False) for token in (*_TAGS, *[_BREAK] * breaks)])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=inner, eos_token="<|im_end|>", pad_token="<|endoftext|>", model_max_length=LONGEST
    )
    if template is not None:
        tokenizer.chat_template = template
    return tokenizer


def _id(tokenizer: Any, token: str) -> int:
    return tokenizer.convert_tokens_to_ids("Ċ" if token == "\n" else token)


def _model(tokenizer: Any, seed: int, heads: tuple[int, int] = (2, 1)) -> Any:
    library: Any = importlib.import_module("torch")
    from transformers import Qwen3Config, Qwen3ForCausalLM

    size = tokenizer.backend_tokenizer.get_vocab_size()
    with library.random.fork_rng():
        library.manual_seed(seed)
        return Qwen3ForCausalLM(
            Qwen3Config(
                vocab_size=size,
                hidden_size=size + size % 2,  # room for one direction a token
                num_hidden_layers=2,
                num_attention_heads=heads[0],
                num_key_value_heads=heads[1],
                head_dim=16,
                intermediate_size=32,
                max_position_embeddings=LONGEST,
                tie_word_embeddings=False,
                eos_token_id=_id(tokenizer, "<|im_end|>"),
                initializer_range=0.2,
            )
        )


def _write_chain(model: Any, chain: Sequence[int]) -> None:
    """Layers that add nothing, an embedding of one direction a token, a head that leads from each to the next."""
    import torch

    with torch.no_grad():
        for layer in model.model.layers:
            layer.self_attn.o_proj.weight.zero_()
            layer.mlp.down_proj.weight.zero_()
        embedding, head = model.model.embed_tokens.weight, model.lm_head.weight
        embedding.zero_().fill_diagonal_(1.0)
        head.zero_()
        for last, following in pairwise(chain):
            head[following, last] = 10.0


def _save(folder: Path, tokenizer: Any, model: Any) -> None:
    tokenizer.save_pretrained(folder)
    model.save_pretrained(folder)
