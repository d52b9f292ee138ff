"""What it takes to draw a token of each row: by torch, one row after the other, as the engine does, and all together.

The rows are random, about as sharp as a model's, in bfloat16, and on the GPU where there is one. On a CPU the engine
draws one row after the other too, and "all together" shows why.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch

from benchmarks.engine.asking import GREEDY, HOT, QWEN
from benchmarks.engine.models import SMALL
from benchmarks.engine.report import Asked
from benchmarks.engine.rounds import Took, in_turn, ratio, spread, timed
from unified_intelligence.engine import draw_together
from unified_intelligence.engine.draw import draw
from unified_intelligence.engine.sampling import Sampler
from unified_intelligence.profiles.sampling import Sampling

ROUNDS, STEPS = 15, 4
ROWS = (1, 8, 16, 64)
NUCLEUS = Sampling(0.6, 0.95)
WAYS = {"greedy": GREEDY, "as Qwen3 recommends": QWEN, "temperature 1": HOT, "top_p 0.95 alone": NUCLEUS}
_SHARPNESS, _BLOCK = 4.0, 64
_BY_TORCH = "by torch, each alone"


def measure(asked: Asked) -> None:
    device = "cuda" if torch.cuda.is_available() and asked.device == "cuda" else "cpu"
    found: dict[str, Any] = {"vocabulary": SMALL.vocabulary, "device": device, "cases": {}}
    for rows in ROWS:
        logits = [(torch.randn(SMALL.vocabulary) * _SHARPNESS).to(device, torch.bfloat16) for _ in range(rows)]
        for name, way in WAYS.items():
            case = one_case(logits, way, asked.rounds(ROUNDS))
            found["cases"].setdefault(f"{rows} row{'s' * (rows > 1)}", {})[name] = case
            print(rows, name, case, flush=True)
        asked.keep(found)


def one_case(logits: list[torch.Tensor], way: Sampling, rounds: int) -> dict[str, Any]:
    generators = [torch.Generator(logits[0].device).manual_seed(at) for at in range(len(logits))]
    samplers = [Sampler(way, (), seed=at, logprobs=None) for at in range(len(logits))]
    contenders: dict[str, Callable[[], object]] = {
        _BY_TORCH: lambda: [by_torch(row, way, own) for row, own in zip(logits, generators, strict=True)],
        "the engine": lambda: draw(logits, [one.wish() for one in samplers]),
        "all together": lambda: draw_together.tokens_of(logits, [one.wish() for one in samplers]),
    }
    took = in_turn({name: _steps(work) for name, work in contenders.items()}, rounds)
    case: dict[str, Any] = {f"{name}, ms": spread([one.wall / STEPS * 1000 for one in took[name]], 3) for name in took}
    for name in ("the engine", "all together"):
        case[f"{name}, times as fast"] = ratio(took[_BY_TORCH], took[name])
    return case


def _steps(work: Callable[[], object]) -> Callable[[], Took]:
    def steps() -> None:
        for _ in range(STEPS):
            work()

    return lambda: timed(steps)


def by_torch(logits: torch.Tensor, way: Sampling, random: torch.Generator) -> int:
    """As the engine did it before: two or three times a device is waited for."""
    if way.temperature == 0:
        here = logits.device.type == "cpu"
        best = int(logits.float().numpy().argmax()) if here else int(logits.argmax())
        assert math.isfinite(logits[best])
        return best
    if way == HOT:
        assert bool(logits.amax().isfinite())
        chances = (logits.float() / way.temperature).softmax(-1)
        return _of_all(chances, random) if logits.device.type == "cpu" else _drawn(chances, random)
    some = way.top_k or 1024
    ordered, order = _likeliest(logits, some)
    assert bool(ordered[0].isfinite())
    scaled = ordered.float() / way.temperature
    whole = scaled.logsumexp(-1) if way.top_k else (logits.float() / way.temperature).logsumexp(-1)
    chances = _cut((scaled - whole).exp(), way)
    if not way.top_k and bool(chances[-1] > 0):
        scaled, order = (logits.float() / way.temperature).sort(descending=True)
        chances = _cut((scaled - whole).exp(), way)
    return int(order[_drawn(chances, random)])


def _cut(chances: torch.Tensor, way: Sampling) -> torch.Tensor:
    return chances.where((chances.cumsum(-1) - chances) < way.top_p, 0)


def _drawn(chances: torch.Tensor, random: torch.Generator) -> int:
    return int(torch.multinomial(chances, 1, generator=random))


def _of_all(chances: torch.Tensor, random: torch.Generator) -> int:
    sums = chances.cumsum(-1, dtype=torch.float64)
    drawn = torch.searchsorted(sums, torch.rand(1, generator=random, dtype=torch.float64) * sums[-1], right=True)
    return min(int(drawn), int(torch.searchsorted(sums, sums[-1:])))


def _likeliest(logits: torch.Tensor, some: int) -> tuple[torch.Tensor, torch.Tensor]:
    blocks = len(logits) // _BLOCK
    if logits.device.type != "cpu" or 8 * some > blocks:
        return logits.topk(some)
    chosen = logits[: blocks * _BLOCK].view(blocks, _BLOCK).amax(-1).topk(some).indices
    tokens = (chosen[:, None] * _BLOCK + torch.arange(_BLOCK)).flatten()
    ordered, places = logits[tokens].topk(some)
    return ordered, tokens[places]
