"""From a loaded model to the engine that runs it: which forward pass, how many answers at once, what guesses, how much
memory.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from unified_intelligence.engine import lora
from unified_intelligence.engine.adapted import Adapters
from unified_intelligence.engine.arrange import Quantized
from unified_intelligence.engine.compiled import Compile, check, compile_steps
from unified_intelligence.engine.decode import run
from unified_intelligence.engine.divided import DividedForward
from unified_intelligence.engine.draft import DraftModel, check_same_vocabulary
from unified_intelligence.engine.engine import Engine
from unified_intelligence.engine.huge_pages import Gathering, LargePages
from unified_intelligence.engine.place import Quantization, free_memory
from unified_intelligence.engine.plain import PlainForward
from unified_intelligence.engine.speculation import Drafter, Guessing, Price, PromptLookup, Speculation
from unified_intelligence.engine.turns import turn_of
from unified_intelligence.entities.errors import ConfigurationError, ModelError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import torch

    from unified_intelligence.engine.forward import Forward
    from unified_intelligence.engine.fused import FusedForward
    from unified_intelligence.engine.load import Loaded

Pass = Literal["auto", "fused", "transformers"]

_FAMILIES = frozenset({"llama", "mistral", "qwen2", "qwen3"})
_ROPES = frozenset({"default", "linear", "llama3", "yarn"})  # whose angles do not depend on how long a text is
SLOTS = 16
_SLOTS = {"cuda": 64}
_SHARE = 0.5  # of the memory that is free once the model is loaded
_PROBE = 8  # tokens that both passes read
_LIKENESS = {"int8": 0.97, "fp8": 0.8, "int4": 0.5}  # of logits, where weights in fewer bits bring errors of their own
_DIFFERENCE = {"torch.float32": 1e-3, "torch.bfloat16": 0.1, "torch.float16": 0.05}  # share of the largest logit


@dataclass(frozen=True, slots=True)
class Running:
    """A model and its engine; `explanation` says in a line how it runs, and why."""

    loaded: Loaded
    engine: Engine
    explanation: str


def check_room(*, slots: int | None, memory: float | None, queue: int, threads: int | None) -> None:
    """Raises ConfigurationError for numbers with which nobody would ever be answered."""
    least: list[tuple[str, int | None, int]] = [("slots", slots, 1), ("queue", queue, 0), ("threads", threads, 1)]
    for name, given, fewest in least:
        if given is not None and given < fewest:
            raise ConfigurationError(f"The option {name} is {fewest} or more, not {given}.", hint="Or leave it out.")
    if memory is not None and not 0 < memory < inf:
        raise ConfigurationError(f"The option memory is above 0 (GB), not {memory:g}.", hint="Or leave it out.")


def start(  # noqa: PLR0913 - each is an option of the command line
    loaded: Loaded,
    *,
    forward: Pass,
    quantization: Quantized,
    slots: int | None,
    memory: float | None,
    queue: int,
    compile: Compile = "off",
    speculation: Guessing = "none",
    large_pages: LargePages = "auto",
    ahead: bool = True,
    draft: Loaded | None = None,
    adapters: Mapping[str, Path] = MappingProxyType({}),
) -> Running:
    """`memory` is in GB for keys and values, those of the draft among them. `adapters` are folders by name.

    `ahead`: nobody waits for a first answer yet, so that what makes all of them faster may take its time. Raises
    ConfigurationError, ModelError.
    """
    if draft:
        check_same_vocabulary(loaded.tokenizer, draft.tokenizer)
    beside = Adapters(loaded.model, [lora.read(name, folder, loaded.model) for name, folder in adapters.items()])
    fused = forward != "transformers" and not loaded.ranks and not obstacle(loaded.model)
    check(compile, loaded.model.device, fused=fused)
    own, why = _forward(loaded, forward, quantization, compile, beside)
    small = _forward(draft, "auto", "none", compile, Adapters(draft.model))[0] if draft else None
    pages, gathered = _gathering([own, small], large_pages, ahead=ahead)
    most = slots or _SLOTS.get(own.device.type, SLOTS)
    tokens = _tokens(own, small, memory)
    longest = min(loaded.longest, tokens)
    room = f"{most} answers at once, {tokens} tokens of memory, {longest} a conversation"
    drafts = _Drafts(draft, small, most, tokens) if draft and small else None
    guessing, said = _speculation(own, speculation, drafts)
    engine = Engine(own, slots=most, memory=tokens, queue=queue, speculation=guessing, large_pages=pages)
    said += f"; adapters: {', '.join(beside.names)}" if beside.names else ""
    how = f"{why}{gathered}; {room}; {loaded.pooler.recipe.said}; {said}"
    return Running(replace(loaded, longest=longest), engine, how)


def _tokens(own: Forward, small: Forward | None, memory: float | None) -> int:
    """How many tokens there is memory for, in whole pages. Raises ConfigurationError for less than a conversation."""
    token_bytes = own.token_bytes + (small.token_bytes if small else 0)
    tokens = int((memory * 1e9 if memory else _SHARE * free_memory(own.device)) / token_bytes)
    tokens -= tokens % own.page
    if tokens < 2 * _PROBE:
        raise ConfigurationError("There is no memory left for a conversation.", hint="Use a smaller model.")
    return tokens


def _gathering(forwards: Sequence[Forward | None], wanted: LargePages, *, ahead: bool) -> tuple[Gathering, str]:
    """What is left to do for the engine, and a clause that says what was done."""
    from unified_intelligence.engine.fused import FusedForward

    if wanted == "off":
        return Gathering(), ""
    pages = Gathering(weight for each in forwards if isinstance(each, FusedForward) for weight in each.weights())
    if not ahead:
        return pages, "; weights go into large pages between answers" if pages.left else ""
    pages.all()
    return pages, f"; {pages.done / 1e9:.1f} GB of weights in large pages" if pages.done else ""


@dataclass(frozen=True, slots=True)
class _Drafts:
    """A draft model and the room it has: slots, and tokens in all of them."""

    loaded: Loaded
    forward: Forward
    slots: int
    memory: int

    def drafter(self, cost: float) -> DraftModel:
        return DraftModel(
            self.forward,
            size=len(self.loaded.tokenizer),
            slots=self.slots,
            memory=self.memory,
            longest=self.loaded.longest,
            cost=cost,
        )


def _speculation(own: Forward, wanted: Guessing, drafts: _Drafts | None) -> tuple[Speculation | None, str]:
    """Who guesses, and a clause that says so. Transformers' pass reads one answer after the other: none shares it."""
    if wanted == "none":
        return None, "no guesses"
    if not own.rewinds or (drafts and not drafts.forward.rewinds):
        return None, "no guesses, because what is read cannot be taken back"
    if wanted == "lookup":
        drafter: Drafter = drafts.drafter(Price().few) if drafts else PromptLookup()
        return Speculation(drafter, Price(), together=False), f"guesses {drafter.said} for every answer"
    with turn_of(own.device):  # beside another model's passes it would look dearer than it is
        price = Price.measured(own)
    drafter = drafts.drafter(Price.measured(drafts.forward).seconds / price.seconds) if drafts else PromptLookup()
    said = f"guesses {drafter.said} where that pays: a further token takes {price.few:.0%} of a pass"
    return Speculation(drafter, price, together=own.together), said


def obstacle(model: Any) -> str:
    """Why a model cannot be run by the fused forward pass, "" if it can."""
    config = model.config
    if type(model).__module__.startswith("transformers_modules"):
        return "its code is its own"
    if getattr(config, "quantization_config", None) is not None:
        return "its weights are quantized already"
    if config.model_type not in _FAMILIES:
        return f"its architecture is {config.model_type}"
    if not getattr(config, "is_causal", True):
        return "it reads in both directions"
    if config.hidden_act != "silu":
        return f"its activation is {config.hidden_act}"
    layers = set(getattr(config, "layer_types", None) or ["full_attention"])
    if layers != {"full_attention"} or (config.model_type == "mistral" and config.sliding_window is not None):
        return "its attention slides"
    positions: dict[str, object] = getattr(config, "rope_parameters", None) or {}
    rope = positions.get("rope_type", "default")
    if rope not in _ROPES:
        return f"its positions are {rope}"
    devices = {str(parameter.device) for parameter in model.parameters()}
    return "it is spread over several devices" if len(devices) > 1 else ""


def _forward(
    loaded: Loaded, wanted: Pass, bits: Quantized, compile: Compile, adapters: Adapters
) -> tuple[Forward, str]:
    if loaded.ranks:
        own = DividedForward(PlainForward(loaded.model, adapters), loaded.ranks)
        return own, f"Transformers' forward pass, over {loaded.ranks.parallel} {own.device.type} devices"
    reason = obstacle(loaded.model)
    quantization: Quantization = bits if bits in ("int8", "int4", "fp8") else "none"
    if wanted == "transformers" or (wanted == "auto" and reason):
        if quantization != "none":
            raise ConfigurationError(
                f"{quantization} needs the fused forward pass, and {reason or 'it was not asked for'}.",
                hint="Leave the quantization out.",
            )
        plain = PlainForward(loaded.model, adapters)
        return plain, f"Transformers' forward pass, because {reason or 'it was asked for'}"
    if reason:
        raise ConfigurationError(f"The model cannot be run fused: {reason}.", hint="Use engine=auto.")
    fused: FusedForward = run(
        _fused, model=loaded.model, longest=loaded.longest, quantization=quantization, adapters=adapters
    )
    from unified_intelligence.engine.linear import explain

    steps = compile_steps(fused, compile)
    said = f"fused forward pass, {explain(fused.device, loaded.model.dtype, quantization)}"
    said += ", as the whole pass then is" if fused.small else ""
    return fused, f"{said}; {steps}" if steps else said


def _fused(model: Any, longest: int, quantization: Quantization, adapters: Adapters) -> FusedForward:
    """Raises ModelError where it does not compute what Transformers computes."""
    import torch

    from unified_intelligence.engine.forward import Piece
    from unified_intelligence.engine.fused import FusedForward

    probe = [token % model.config.vocab_size for token in range(11, 11 + 7 * _PROBE, 7)]
    with torch.inference_mode():
        expected: torch.Tensor = model(input_ids=torch.tensor([probe], device=model.device), use_cache=False).logits[0]
        fused = FusedForward(model, longest=longest, quantization=quantization, adapters=adapters)
        half = _PROBE // 2
        first = fused.read([Piece(0, 0, probe[:half], half)])
        got = torch.cat([first, *(fused.read([Piece(0, at, [probe[at]])]) for at in range(half, _PROBE))])
        fused.forget()
    _check_same(got.float(), expected.float(), str(expected.dtype), quantization)
    return fused


def _check_same(got: torch.Tensor, expected: torch.Tensor, dtype: str, quantization: Quantization) -> None:
    """Compares logits (places, vocabulary). Raises ModelError for a difference no rounding explains, and for NaN."""
    if not bool(expected.isfinite().all()):
        raise ModelError("The model computes no finite numbers.", hint="Try the dtype float32, or copy it again.")
    difference = float((got - expected).abs().max() / expected.abs().max().clamp(min=1e-9))
    if quantization == "none" and not difference < _DIFFERENCE.get(dtype, 0.1):
        raise ModelError(
            f"The fused forward pass differs from that of Transformers by {difference:.1%}.",
            hint="Use -o engine=transformers, and please report the model.",
        )
    if quantization != "none" and not (likeness := _likeness(got, expected)) > _LIKENESS[quantization]:
        raise ModelError(
            f"With {quantization} the fused forward pass has little of that of Transformers: {likeness:.2f} of 1.",
            hint="Use the quantization none, and please report the model.",
        )


def _likeness(got: torch.Tensor, expected: torch.Tensor) -> float:
    """How the logits go together: 1 in step, about 0 of another computation.

    What all places have in common is left out, because a pass that confuses them would share it.
    """
    import torch

    one, other = ((logits - logits.mean(0)).flatten() for logits in (got, expected))
    return float(torch.nn.functional.cosine_similarity(one, other, dim=0))
