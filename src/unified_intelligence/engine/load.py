"""Getting a model into memory: found, checked before any loader runs, then loaded. No code of a model is ever run.

A Hub id is downloaded first (small files, then the weights they name), so that every check reads files of this disk
and the loaders never reach the network.
"""

from __future__ import annotations

import importlib.util
import json
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, cast

from unified_intelligence.engine import arrange
from unified_intelligence.engine.constraints import Grammars
from unified_intelligence.engine.place import Dtype, device_of, dtype_of
from unified_intelligence.entities.errors import ConfigurationError, ModelError, ModelNotFoundError
from unified_intelligence.profiles import qwen3

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

_SMALL_FILES = ["*.json", "*.jinja", "*.txt", "*.model"]
_WEIGHTS, _INDEX = "model.safetensors", "model.safetensors.index.json"
_ONE_AT_A_TIME = Lock()  # two loads at once take the memory of both, and the loaders change settings of the process


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model ready to answer: `longest` is the most tokens it reads and writes together, `ends` end its turn.

    `grammars` hold its answers to a form.
    """

    model: PreTrainedModel
    tokenizer: Any  # a PreTrainedTokenizerBase, half typed
    longest: int
    ends: frozenset[int]
    grammars: Grammars

    @property
    def generation(self) -> Any:
        """What its generation_config.json recommends, a transformers.GenerationConfig."""
        return self.model.generation_config

    @property
    def is_qwen3(self) -> bool:
        return self.model.config.model_type.startswith("qwen3")


def require_libraries() -> None:
    """Raises ModuleNotFoundError as an import would, without the seconds an import takes."""
    for name in ("torch", "transformers"):
        if importlib.util.find_spec(name) is None:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def local_folder(model: str) -> Path | None:
    """The folder a model is in, None for a Hub id. Raises ModelNotFoundError for a path that is no folder."""
    path = Path(model).expanduser()
    if model and path.is_dir():
        return path
    if model and path.exists():
        raise ModelNotFoundError(f"{model} is a file.", hint="Give the folder with config.json and the weights.")
    if path.is_absolute() or model.startswith((".", "~")) or model.count("/") != 1 or model.endswith("/"):
        raise ModelNotFoundError(
            f"There is no folder {model}.", hint="Give a folder with config.json, or a Hub id such as Qwen/Qwen3-0.6B."
        )
    return None


def download(model: str, *, revision: str | None, cache_dir: str | None, offline: bool) -> Path:
    """The folder of a Hub model in the cache. Raises ModelNotFoundError, ConfigurationError."""
    import huggingface_hub

    library: Any = huggingface_hub  # half typed

    def fetch(patterns: list[str]) -> Path:
        return Path(
            library.snapshot_download(
                model,
                revision=revision,
                cache_dir=cache_dir,
                local_files_only=offline,
                allow_patterns=patterns,
                ignore_patterns=["*/*"],
            )
        )

    try:
        folder = fetch(_SMALL_FILES)
        check_code(folder)
        return fetch([*_SMALL_FILES, *weight_files(folder)])
    except (OSError, ValueError) as error:
        raise _hub_error(error, model) from error


def check_code(folder: Path) -> None:
    """Refuses a model that brings Python of its own, here or in a repository its config names.

    Raises ConfigurationError, ModelNotFoundError when the folder holds no model.
    """
    if not (folder / "config.json").is_file():
        if (folder / "adapter_config.json").is_file():
            raise ModelNotFoundError(f"{folder} holds an adapter, not a model.", hint="Merge it into its base first.")
        raise ModelNotFoundError(f"{folder} holds no config.json.", hint="Give the folder of a Transformers model.")
    for path in (folder / "config.json", folder / "tokenizer_config.json", folder / "adapter_config.json"):
        if path.is_file() and (key := _code_in(_read_json(path))):
            raise ConfigurationError(
                f"{path} asks to run code that comes with the model ({key}); that is never done here.",
                hint="Choose a model whose architecture is part of transformers.",
            )


def template_files(folder: Path) -> str:
    """All chat templates in the folder's files, one after the other; "" where they hold none."""
    saved = folder / "tokenizer_config.json"
    named = _read_json(saved).get("chat_template") if saved.is_file() else None
    files = [*folder.glob("chat_template.jinja"), *folder.glob("additional_chat_templates/*.jinja")]
    return "\n".join([path.read_text(encoding="utf-8") for path in files] + ([json.dumps(named)] if named else []))


def check_weights(folder: Path) -> None:
    """Raises ModelError unless every file of weights is there, in safetensors, and as long as its header says."""
    import safetensors

    library: Any = safetensors  # not typed
    for name in weight_files(folder):
        path = folder / name
        if not path.is_file():
            hint = "Only safetensors are read, never pickles: convert it with save_pretrained()."
            raise ModelNotFoundError(f"{folder} lacks the weights {name}.", hint=hint)
        try:
            with library.safe_open(
                path, framework="numpy"
            ) as tensors:  # reads the header and compares it with the length
                tensors.keys()
        except library.SafetensorError as error:
            raise ModelError(f"{path} is damaged ({error}).", hint="Copy or download it again.") from error


def weight_files(folder: Path) -> list[str]:
    """The names the index gives, or the only one."""
    index = folder / _INDEX
    if not index.is_file():
        return [_WEIGHTS]
    placed = _read_json(index).get("weight_map")
    names = (
        {str(name) for name in cast("dict[str, object]", placed).values()} if isinstance(placed, dict) else set[str]()
    )
    if not names or any(Path(name).name != name or not name.endswith(".safetensors") for name in names):
        raise ModelError(f"{index} names no weights, or some outside of its folder or in another format.")
    return sorted(names)


def load(
    folder: Path,
    *,
    dtype: Dtype,
    device: str,
    quantization: arrange.Quantized = "none",
    attention: arrange.Attention = "auto",
    device_map: str | None = None,
    max_memory: str | None = None,
) -> Loaded:
    """One model at a time in this process; others wait. int8, int4 and fp8 are left to the engine's own products.

    Raises ConfigurationError for what this machine cannot do, ModelError for anything the loaders refuse.
    """
    import torch
    import transformers

    library: Any = transformers  # half typed
    place = device_of(device)
    closed = {"trust_remote_code": False, "local_files_only": True}
    spread = arrange.devices(device_map, max_memory)
    try:
        with _ONE_AT_A_TIME:
            config = library.AutoConfig.from_pretrained(folder, **closed)
            numbers = dtype_of(dtype, config.dtype, place)
            told = arrange.quantizer(quantization, place, numbers) | spread | closed
            told |= arrange.attention(attention, place, numbers)
            _check_products(quantization, place, numbers)
            tokenizer = library.AutoTokenizer.from_pretrained(folder, **closed)
            model, report = library.AutoModelForCausalLM.from_pretrained(
                folder, config=config, dtype=numbers, use_safetensors=True, output_loading_info=True, **told
            )
            model = (model if "device_map" in told else model.to(place)).eval()
    except (MemoryError, torch.OutOfMemoryError) as error:
        raise ModelError(f"{folder} does not fit the memory of {place}.", hint="Use a smaller model.") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ImportError, RuntimeError) as error:
        raise ModelError(f"{folder} could not be loaded: {error}") from error
    _check_complete(folder, report["missing_keys"])
    return _loaded(model, tokenizer)


def _check_complete(folder: Path, missing: set[str]) -> None:
    if missing:  # transformers fills them with random numbers and goes on
        raise ModelError(f"{folder} lacks the tensors {', '.join(sorted(missing)[:3])}.")


def _loaded(model: Any, tokenizer: Any) -> Loaded:
    positions: int | None = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    ends = _ends(model, tokenizer)
    row: int = model.get_output_embeddings().weight.shape[0]
    return Loaded(model, tokenizer, positions or tokenizer.model_max_length, ends, Grammars(tokenizer, ends, row))


def _check_products(quantization: arrange.Quantized, device: torch.device, dtype: torch.dtype) -> None:
    """Raises ConfigurationError where this machine has none of that kind: before the weights are read."""
    from unified_intelligence.engine import linear

    if quantization in ("int8", "int4", "fp8"):
        linear.require(quantization, device, dtype)


def _ends(model: Any, tokenizer: Any) -> frozenset[int]:
    given: int | list[int] | None = model.generation_config.eos_token_id
    ends: set[int | None] = {tokenizer.eos_token_id, *(given if isinstance(given, list) else [given])}
    if model.config.model_type.startswith("qwen3"):
        ends |= {tokenizer.convert_tokens_to_ids(token) for token in qwen3.END_OF_TURN}
    return frozenset(ends - {None, tokenizer.unk_token_id})  # pyright: ignore[reportReturnType]


def _read_json(path: Path) -> dict[str, object]:
    try:
        fields: object = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelError(f"{path} is not JSON ({error}).", hint="Copy or download it again.") from error
    if not isinstance(fields, dict):
        raise ModelError(f"{path} is not a JSON object.")
    return cast("dict[str, object]", fields)


def _code_in(value: object) -> str:
    """The key that would have code loaded: `auto_map`, or an attention kernel named as a repository."""
    if not isinstance(value, dict):
        return ""
    for key, member in cast("dict[str, object]", value).items():
        if key == "auto_map" or ("attn_implementation" in key and "/" in str(member)):
            return key
        if found := _code_in(member):
            return found
    return ""


def _hub_error(error: Exception, model: str) -> ConfigurationError | ModelNotFoundError:
    from huggingface_hub import errors

    match error:
        case errors.GatedRepoError():
            hint = f"Accept its terms at https://huggingface.co/{model}, then run: hf auth login"
            return ConfigurationError(f"{model} is gated: the Hub did not give it to you.", hint=hint)
        case errors.RevisionNotFoundError():
            return ModelNotFoundError(f"{model} has no such revision.", hint="Leave the revision out for the newest.")
        case errors.RepositoryNotFoundError():
            hint = "Check the spelling; for a private one run: hf auth login"
            return ModelNotFoundError(f"The Hub has no model {model}, or it is private.", hint=hint)
        case errors.HFValidationError():
            return ModelNotFoundError(f"{model!r} is neither a folder nor a Hub id.", hint="An id is owner/name.")
        case errors.LocalEntryNotFoundError() | errors.OfflineModeIsEnabled():
            hint = f"With the Hub in reach run: hf download {model}"
            return ModelNotFoundError(f"{model} is not in the cache, and the Hub did not give it.", hint=hint)
        case _:
            return ModelNotFoundError(f"{model} could not be downloaded: {error}", hint="Try again, or give a folder.")
