"""Low-rank adapters as PEFT saves them: adapter_config.json and adapter_model.safetensors, read without PEFT.

What is read is only what is wholly understood. A field that would change the arithmetic in a way that is not done here
is refused by its name, and so is a tensor that nothing here would use.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from unified_intelligence.engine.json_files import read_object
from unified_intelligence.entities.errors import ConfigurationError, ModelError, ModelNotFoundError

if TYPE_CHECKING:
    import torch

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
_KEY = re.compile(r"base_model\.model\.(.+)\.lora_(A|B)\.weight")
_SIMPLE = frozenset({True, False, "gaussian", "orthogonal", "eva"})  # begin with weights that leave the model as it was
_READ = frozenset(
    {"peft_type", "r", "lora_alpha", "use_rslora", "alpha_pattern", "rank_pattern", "init_lora_weights", "bias"}
)
_WITHOUT_EFFECT = frozenset({  # on an answer: they say how it was trained, or which tensors there are
    "auto_mapping", "base_model_name_or_path", "corda_config", "eva_config", "exclude_modules", "inference_mode",
    "layers_pattern", "layers_to_transform", "loftq_config", "lora_dropout", "megatron_core", "peft_version",
    "qalora_group_size", "revision", "target_modules", "task_type",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Delta:
    """What is added to one product: x down^T up^T. Shapes (rank, in) and (out, rank), the scale is in `up`."""

    down: torch.Tensor
    up: torch.Tensor


@dataclass(frozen=True, slots=True)
class Lora:
    """An adapter in memory: `deltas` by the name of the module they belong to."""

    name: str
    deltas: Mapping[str, Delta]


def check(folder: Path) -> None:
    """Reads no numbers. Raises ModelNotFoundError, ModelError, ConfigurationError for what could not be used."""
    settings = _settings(folder)
    with _opened(folder) as tensors:
        names = set(_modules(folder, tensors.keys()))
        for name in sorted(names):
            _check_rank(folder, settings, name, tensors.get_slice(_key(name, "A")).get_shape()[:1])
    wanted = settings.get("target_modules")
    if isinstance(wanted, list):
        targets = [str(each) for each in cast("list[object]", wanted)]
        unmet = [each for each in targets if not any(_is_at(name, each) for name in names)]
        if unmet:
            raise ModelError(f"{folder / WEIGHTS} lacks what {CONFIG} names: {', '.join(sorted(unmet))}.")


def read(name: str, folder: Path, model: Any) -> Lora:
    """The adapter in the number type and on the device of a model, whose modules it has to fit.

    Raises ModelError, ConfigurationError.
    """
    settings = _settings(folder)
    linear = _products(model)
    deltas: dict[str, Delta] = {}
    with _opened(folder) as tensors:
        for module in dict.fromkeys(_modules(folder, tensors.keys())):
            if module not in linear:
                raise ModelError(
                    f"The adapter {name} changes {module}, which is no product of the model with weights.",
                    hint="Use the adapter with the model it was trained on.",
                )
            down, up = (tensors.get_tensor(_key(module, part)) for part in "AB")
            _check_shapes(name, module, linear[module], down, up)
            scale = _scale(settings, module, len(down))
            deltas[module] = Delta(_placed(down.float(), model), _placed(up.float() * scale, model))
    return Lora(name, deltas)


def _settings(folder: Path) -> Mapping[str, object]:
    if not (folder / CONFIG).is_file():
        raise ModelNotFoundError(f"{folder} holds no {CONFIG}.", hint="Give a folder that PEFT saved an adapter in.")
    if not (folder / WEIGHTS).is_file():
        hint = "Only safetensors are read, never pickles: save it again with safe_serialization=True."
        raise ModelNotFoundError(f"{folder} lacks the weights {WEIGHTS}.", hint=hint)
    found = read_object(folder / CONFIG)
    if refused := _refused(found):
        raise ConfigurationError(
            f"The adapter in {folder} cannot be used: {refused}.",
            hint="Merge it into its base with PEFT's merge_and_unload(), and use the merged model.",
        )
    return found


def _refused(settings: Mapping[str, object]) -> str:
    """Why it is none of those that are computed here, "" if it is one."""
    if settings.get("peft_type") != "LORA":
        return f"its peft_type is {settings.get('peft_type')}, not LORA"
    if settings.get("use_dora"):
        return "it is a DoRA, which also scales the model's own weights"
    if settings.get("bias", "none") != "none":
        return f"it changes biases too (bias: {settings['bias']})"
    if (begun := settings.get("init_lora_weights", True)) not in list(_SIMPLE):
        return f"its training changed the model's own weights too (init_lora_weights: {begun})"
    for name in ("r", "lora_alpha"):
        if not isinstance(settings.get(name), int | float):
            return f"{name} is no number"
    for name in ("alpha_pattern", "rank_pattern"):
        if not _are_numbers(settings.get(name) or {}):
            return f"its {name} is none"
    strange = (name for name, value in settings.items() if value and name not in _READ | _WITHOUT_EFFECT)
    return f"its {name} is not known here" if (name := next(strange, "")) else ""


def _are_numbers(patterns: object) -> bool:
    """Whether they are numbers, each by an expression."""
    try:
        return isinstance(patterns, dict) and all(
            bool(re.compile(pattern)) and isinstance(number, int | float)
            for pattern, number in cast("dict[str, object]", patterns).items()
        )
    except re.error:
        return False


def _opened(folder: Path) -> Any:
    """A context that gives tensors. The header is compared with the length of the file."""
    import safetensors

    library: Any = safetensors  # not typed
    try:
        return library.safe_open(folder / WEIGHTS, framework="pt")
    except library.SafetensorError as error:
        raise ModelError(f"{folder / WEIGHTS} is damaged ({error}).", hint="Copy or download it again.") from error


def _modules(folder: Path, keys: list[str]) -> Iterator[str]:
    """Each twice. Raises ModelError where one has only half of its pair, ConfigurationError for other tensors."""
    present = set(keys)
    if not present:
        raise ModelError(f"{folder / WEIGHTS} is empty.")
    for key in sorted(present):
        if not (match := _KEY.fullmatch(key)):
            raise ConfigurationError(
                f"The adapter in {folder} holds the tensor {key}, which is not known here.",
                hint="Merge it into its base with PEFT's merge_and_unload(), and use the merged model.",
            )
        if (other := _key(match[1], "B" if match[2] == "A" else "A")) not in present:
            raise ModelError(f"{folder / WEIGHTS} lacks the tensor {other}.")
        yield match[1]


def _key(module: str, part: str) -> str:
    return f"base_model.model.{module}.lora_{part}.weight"


def _is_at(module: str, target: str) -> bool:
    return target in {"all-linear", module} or module.endswith(f".{target}")


def _products(model: Any) -> dict[str, tuple[int, int]]:
    """Outputs and inputs of each module that multiplies with weights."""
    import torch

    return {
        name: (module.out_features, module.in_features)
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear)
    }


def _check_shapes(name: str, module: str, shape: tuple[int, int], down: torch.Tensor, up: torch.Tensor) -> None:
    flat = down.dim() == up.dim() == 2
    if not flat or (len(up), down.shape[1]) != shape or len(down) != up.shape[1] or not len(down):
        raise ModelError(
            f"The adapter {name} does not fit {module}: {tuple(down.shape)} and {tuple(up.shape)} beside {shape}.",
            hint="Use the adapter with the model it was trained on.",
        )


def _check_rank(folder: Path, settings: Mapping[str, object], module: str, found: list[int]) -> None:
    """`found` is what its tensors have. With another one in the settings they would be scaled for another adapter."""
    told = _number(settings, "rank_pattern", "r", module)
    if found != [told]:
        rank = found[0] if found else 0
        raise ModelError(
            f"{folder / CONFIG} gives {module} the rank {told:g}, and the tensors of {WEIGHTS} have {rank}.",
            hint="The two files are of different adapters, or one was changed: copy or download both again.",
        )


def _number(settings: Mapping[str, object], patterns: str, usual: str, module: str) -> float:
    """That of the first pattern, an expression, that is the end of a module's name; else the usual one."""
    numbers = cast("Mapping[str, float]", settings.get(patterns) or {})
    found = (number for pattern, number in numbers.items() if re.fullmatch(rf"(.*\.)?({pattern})", module))
    return next(found, cast("float", settings[usual]))


def _scale(settings: Mapping[str, object], module: str, rank: int) -> float:
    """Alpha over the rank, or over its root."""
    alpha = _number(settings, "alpha_pattern", "lora_alpha", module)
    return alpha / (math.sqrt(rank) if settings.get("use_rslora") else rank)


def _placed(numbers: torch.Tensor, model: Any) -> torch.Tensor:
    return numbers.to(model.device, model.dtype)
