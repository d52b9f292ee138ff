"""Whether steps of single tokens are compiled or recorded, and the trial they have to pass before an answer is written.

Where the trial fails, the pass is what it was, and a clause says why.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Literal

from unified_intelligence.engine.decode import run
from unified_intelligence.engine.forward import Piece
from unified_intelligence.engine.recorded import Graphs
from unified_intelligence.entities.errors import ConfigurationError, DeviceLostError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from unified_intelligence.engine.fused import FusedForward

Compile = Literal["auto", "off", "cudagraph", "inductor"]

_PROMPTS: tuple[int, ...] = (5, 90, 40, 17)  # tokens in each slot before the trial: not all look at as many pages
_STEPS = ((0,), (0, 1), (1,), (3, 0, 1), (2, 3), (3,), (0, 1, 2, 3))  # the slots that read a token
_TIMED = 10
_DIFFERENCE = {"torch.float32": 1e-3, "torch.float16": 0.05}  # share of the largest logit


def check(wanted: Compile, device: torch.device, *, fused: bool) -> None:
    """Raises ConfigurationError for what was asked for and cannot be."""
    if wanted == "cudagraph" and device.type != "cuda":
        raise ConfigurationError(f"There are no CUDA graphs on {device}.", hint="Use -o compile inductor or auto.")
    if wanted in {"cudagraph", "inductor"} and not fused:
        raise ConfigurationError(
            f"compile {wanted} needs the fused forward pass.", hint="Leave compile out, or use -o engine fused."
        )


def compile_steps(forward: FusedForward, wanted: Compile) -> str:
    """A clause that says how single tokens are read from now on, and what that gains.

    No slot holds anything before and after. "auto" leaves steps as they are where that is as fast.

    Raises DeviceLostError.
    """
    on_gpu = forward.device.type == "cuda"
    if wanted == "off" or (wanted == "auto" and not on_gpu):
        return ""
    inductor = wanted == "inductor"
    named = " and ".join(["compiled by inductor"] * inductor + ["recorded as CUDA graphs"] * on_gpu)
    gained = ""
    try:
        without = run(_milliseconds, forward=forward)
        forward.steadily(inductor=inductor, record=Graphs(forward.device) if on_gpu else None)
        fault = run(_fault, forward=forward)
        if not fault:
            took = run(_milliseconds, forward=forward)
            gained = f"{took:.2f} ms each, {without:.2f} without"
            fault = gained if wanted == "auto" and took > without else ""
    except DeviceLostError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever a compiler breaks with, the pass is there without it
        fault = str(error).strip().partition("\n")[0] or repr(error)
    if not fault:
        return f"steps of single tokens {named}: {gained}"
    forward.unsteadily()
    return f"steps of single tokens not {named}: {fault}"


def _fault(forward: FusedForward) -> str:
    """Why such steps are not used: they do not compute what the pass computes without them."""
    steady = forward.steady
    if not steady:
        return "it was not asked for"
    forward.steady = None
    logits = _read(forward)
    forward.steady = steady
    again = _read(forward)
    if steady.fault:
        return steady.fault
    bound = _DIFFERENCE.get(str(logits[0].dtype), 0.1)
    for expected, got in zip(logits, again, strict=True):
        difference = float((got - expected).float().abs().max() / expected.float().abs().max().clamp(min=1e-9))
        if not difference < bound:
            return f"they differ by {difference:.1%} from the pass without"
    return ""


def _milliseconds(forward: FusedForward) -> float:
    """A step of one token, the best of several."""
    forward.read([_piece(0, 0, range(_PROMPTS[0]), forward.vocabulary)])
    took = list[float]()
    for start in range(_PROMPTS[0], _PROMPTS[0] + _TIMED):
        begun = time.perf_counter()
        forward.read([_piece(0, start, [start], forward.vocabulary)]).argmax().item()  # a GPU has finished then
        took.append(time.perf_counter() - begun)
    forward.forget()
    return 1000 * min(took)


def _read(forward: FusedForward) -> list[torch.Tensor]:
    held, known = [*_PROMPTS], forward.vocabulary
    read = [forward.read([_piece(slot, 0, range(length), known) for slot, length in enumerate(held)])]
    for number, slots in enumerate(_STEPS):
        read.append(forward.read([_piece(slot, held[slot], [number], known) for slot in slots]))
        for slot in slots:
            held[slot] += 1
    forward.forget()
    return read


def _piece(slot: int, start: int, numbers: Sequence[int], known: int) -> Piece:
    return Piece(slot, start, [(11 + 7 * (number + slot)) % known for number in numbers])
