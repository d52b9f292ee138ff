"""Trains the embedded model from nothing: tokenizer, circuit, steps, weights. Same seed and library, same result.

    python -m training.embedded.train [--recipe training/embedded/recipe.json] [--out FOLDER] [--first STAGE]
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from itertools import islice
from pathlib import Path

import torch
import torch.nn.functional as F
from tokenizers import Tokenizer
from torch import Tensor
from transformers import Qwen3Config, Qwen3ForCausalLM

from training.embedded.circuit import write_induction_circuit
from training.embedded.conversations import MODEL, Mixture, conversations
from training.embedded.vocabulary import save_tokenizer, train_tokenizer
from unified_intelligence.embedded.prompt import TEMPLATE

HERE = Path(__file__).parent
WIDTHS = (32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024)  # few shapes: oneDNN prepares a kernel for each
TARGETS_TO = 512
IGNORED = -100

Row = tuple[list[int], int]


@dataclass(frozen=True, slots=True)
class Stage:
    """A stretch of training with a learning-rate cycle of its own, from the weights the stage before saved."""

    steps: int = 6000
    warmup_steps: int = 100
    rate: float = 1.0
    unseen_share: float = 0.35
    none_share: float = 0.3
    closed_weight: float = 1.0

    @property
    def mixture(self) -> Mixture:
        return Mixture(self.unseen_share, self.none_share, self.closed_weight)


@dataclass(frozen=True, slots=True)
class Recipe:
    """All that decides the weights, besides the phrasings and the library versions."""

    seed: int = 1
    vocabulary: int = 6144
    width: int = 256
    layers: int = 4
    heads: int = 4
    head_width: int = 64
    mlp_width: int = 640
    rope_theta: float = 1e6
    longest: int = 2048
    tokens_per_step: int = 4096
    muon_rate: float = 0.005
    adam_rate: float = 0.001
    final_rate: float = 0.02
    clip: float = 1.0
    stages: tuple[Stage, ...] = (Stage(),)
    tokenizer_samples: int = 60000
    shuffled: int = 3000  # conversations at a time, their batches in random order
    threads: int = 2

    @classmethod
    def read(cls, path: Path) -> Recipe:
        values = json.loads(path.read_text(encoding="utf-8"))
        unknown = set(values) - {field.name for field in fields(cls)}
        if unknown:
            raise SystemExit(f"{path}: unknown keys {', '.join(sorted(unknown))}.")
        stages = tuple(Stage(**stage) for stage in values.pop("stages", ({},)))
        return cls(**values, stages=stages)


@dataclass(frozen=True, slots=True)
class Batch:
    """`tokens` (rows, length); `targets` are the positions whose next token counts, and those tokens."""

    tokens: Tensor
    positions: Tensor
    targets: Tensor


def build_tokenizer(recipe: Recipe) -> Tokenizer:
    sample = islice(conversations(recipe.seed + 1000, recipe.stages[0].mixture), recipe.tokenizer_samples)
    return train_tokenizer((text for one in sample for text in (one.prompt, one.completion)), recipe.vocabulary)


def build_model(recipe: Recipe, vocabulary: int, end: int | None) -> Qwen3ForCausalLM:
    config = Qwen3Config(
        vocab_size=vocabulary,
        hidden_size=recipe.width,
        intermediate_size=recipe.mlp_width,
        num_hidden_layers=recipe.layers,
        num_attention_heads=recipe.heads,
        num_key_value_heads=recipe.heads,
        head_dim=recipe.head_width,
        max_position_embeddings=recipe.longest,
        rope_parameters={"rope_type": "default", "rope_theta": recipe.rope_theta},
        tie_word_embeddings=True,
        eos_token_id=end,
        bos_token_id=None,
        pad_token_id=0,
    )
    torch.manual_seed(recipe.seed)
    model = Qwen3ForCausalLM(config)
    write_induction_circuit(model, recipe.seed)
    return model


def batches(recipe: Recipe, stage: int, tokenizer: Tokenizer) -> Iterator[Batch]:
    """Full batches of about `tokens_per_step` tokens, rows of like length together; what is left over comes later."""
    source = conversations(recipe.seed + stage, recipe.stages[stage].mixture)
    random = torch.Generator().manual_seed(recipe.seed + stage)
    waiting: dict[int, list[Row]] = {width: [] for width in WIDTHS}
    while True:
        full: list[Batch] = []
        for one in islice(source, recipe.shuffled):
            row = _encoded(tokenizer, one.prompt, one.completion)
            width = next((width for width in WIDTHS if len(row[0]) <= width), None)
            if width is None:
                continue
            waiting[width].append(row)
            if len(waiting[width]) == recipe.tokens_per_step // width:
                full.append(_batch(waiting[width], width))
                waiting[width] = []
        for index in torch.randperm(len(full), generator=random).tolist():
            yield full[index]


def _encoded(tokenizer: Tokenizer, prompt: str, completion: str) -> tuple[list[int], int]:
    start = tokenizer.encode(prompt, add_special_tokens=False).ids
    return start + tokenizer.encode(completion, add_special_tokens=False).ids, len(start)


def _batch(rows: list[Row], width: int) -> Batch:
    tokens = torch.zeros(len(rows), width, dtype=torch.long)
    labels = torch.full((len(rows), width), IGNORED)
    for row, (ids, start) in enumerate(rows):
        tokens[row, : len(ids)] = torch.tensor(ids)
        labels[row, start - 1 : len(ids) - 1] = torch.tensor(ids[start:])
    flat = labels.flatten()
    positions = (flat != IGNORED).nonzero().flatten()
    filler = positions.new_zeros(-len(positions) % TARGETS_TO)
    ignored = flat.new_full(filler.shape, IGNORED)
    return Batch(tokens, torch.cat([positions, filler]), torch.cat([flat[positions], ignored]))


def loss_of(model: Qwen3ForCausalLM, batch: Batch) -> Tensor:
    """Mean cross-entropy of the completions. Padding lies behind, so causal attention never sees it."""
    with torch.autocast("cpu", torch.bfloat16):
        hidden = model.model(batch.tokens, use_cache=False).last_hidden_state
        logits = F.linear(hidden.flatten(0, 1)[batch.positions], model.model.embed_tokens.weight)
    return F.cross_entropy(logits.float(), batch.targets, ignore_index=IGNORED)


def optimizers(recipe: Recipe, model: Qwen3ForCausalLM) -> list[torch.optim.Optimizer]:
    """Muon for the matrices inside the layers, AdamW for embeddings and gains."""
    matrices = [p for p in model.model.layers.parameters() if p.ndim == 2]
    others = [p for p in model.parameters() if all(p is not matrix for matrix in matrices)]
    return [
        torch.optim.Muon(matrices, lr=recipe.muon_rate, weight_decay=0.01, adjust_lr_fn="original"),
        torch.optim.AdamW(others, lr=recipe.adam_rate, betas=(0.9, 0.98), weight_decay=0.0),
    ]


def rate_at(recipe: Recipe, stage: Stage, step: int) -> float:
    """Share of the full learning rate: linear warm-up to the stage's, then cosine down to `final_rate`."""
    if step < stage.warmup_steps:
        return stage.rate * (step + 1) / stage.warmup_steps
    done = (step - stage.warmup_steps) / max(1, stage.steps - stage.warmup_steps)
    return recipe.final_rate + (stage.rate - recipe.final_rate) * 0.5 * (1 + math.cos(math.pi * done))


class Stepper:
    """A model in a stage of its training: its optimizers, and how many steps they have taken."""

    def __init__(self, recipe: Recipe, stage: Stage, model: Qwen3ForCausalLM) -> None:
        self._recipe, self._stage, self._model = recipe, stage, model
        self._optimizers = optimizers(recipe, model)
        self._full_rates = [(group, group["lr"]) for one in self._optimizers for group in one.param_groups]
        self.taken = 0

    def step(self, batch: Batch) -> float:
        """Returns the loss before the step."""
        share = rate_at(self._recipe, self._stage, self.taken)
        for group, rate in self._full_rates:
            group["lr"] = rate * share
        loss = loss_of(self._model, batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._model.parameters(), self._recipe.clip)
        for optimizer in self._optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        self.taken += 1
        return loss.item()


def train(recipe: Recipe, out: Path, first: int = 0) -> None:
    """Runs the stages from `first` on; a later one begins with what `out` holds."""
    torch.set_num_threads(recipe.threads)
    out.mkdir(parents=True, exist_ok=True)
    model: Qwen3ForCausalLM | None = None
    if first == 0:
        tokenizer = build_tokenizer(recipe)
        save_tokenizer(tokenizer, out)
        shutil.copyfile(MODEL / TEMPLATE, out / TEMPLATE)
        model = build_model(recipe, tokenizer.get_vocab_size(), tokenizer.token_to_id("<|im_end|>"))
        print(f"{sum(p.numel() for p in model.parameters()):,} parameters", flush=True)
        save(model, out)
    tokenizer = Tokenizer.from_file(str(out / "tokenizer.json"))
    rows = _rows_before(out, first)
    for index in range(first, len(recipe.stages)):
        if model is None or index > 0:
            model = Qwen3ForCausalLM.from_pretrained(out, dtype=torch.float32)
        rows.append(run_stage(recipe, index, model, tokenizer, out))
        summary = asdict(recipe) | {"ran": rows}
        (out / "training.json").write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")


def _rows_before(out: Path, first: int) -> list[dict[str, float]]:
    if first == 0:
        return []
    return json.loads((out / "training.json").read_text(encoding="utf-8"))["ran"][:first]


def run_stage(recipe: Recipe, index: int, model: Qwen3ForCausalLM, tokenizer: Tokenizer, out: Path) -> dict[str, float]:
    """Trains and saves; returns what it took: steps, tokens, seconds, and the running loss at its end."""
    stage = recipe.stages[index]
    stepper = Stepper(recipe, stage, model)
    started, seen, running = time.perf_counter(), 0, 0.0
    for step, batch in enumerate(islice(batches(recipe, index, tokenizer), stage.steps)):
        loss = stepper.step(batch)
        seen += batch.tokens.numel()
        running = loss if step == 0 else 0.98 * running + 0.02 * loss
        if step % 50 == 0 or step == stage.steps - 1:
            seconds = time.perf_counter() - started
            print(f"step {step} loss {running:.4f} {seen / seconds:,.0f} tokens/s {seconds:.0f} s", flush=True)
        if step and step % 500 == 0:
            save(model, out)
    save(model, out)
    seconds = round(time.perf_counter() - started)
    return {"steps": stage.steps, "tokens": seen, "seconds": seconds, "loss": round(running, 4)}


def save(model: Qwen3ForCausalLM, out: Path) -> None:
    """Weights in bfloat16, as safetensors, in the layout transformers reads."""
    copied = Qwen3ForCausalLM(model.config)
    copied.load_state_dict(model.state_dict())
    copied.to(torch.bfloat16).save_pretrained(out, safe_serialization=True)  # pyright: ignore[reportArgumentType]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", type=Path, default=HERE / "recipe.json")
    parser.add_argument("--out", type=Path, default=HERE / "runs/latest")
    parser.add_argument("--first", type=int, default=0, help="the stage to begin with; a later one goes on from --out")
    options = parser.parse_args()
    train(Recipe.read(options.recipe), options.out, options.first)


if __name__ == "__main__":
    main()
