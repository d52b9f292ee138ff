"""Getting a model into memory: found, checked before any loader runs, then loaded. Whose code may run is `trust`'s.

A Hub id is downloaded first (small files, then the weights they name), so that every check reads files of this disk
and the loaders never reach the network.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, cast

from unified_intelligence.engine import arrange, lora, recipe_files
from unified_intelligence.engine.constraints import Grammars
from unified_intelligence.engine.download import Source, bars_on_terminals_only, fetched
from unified_intelligence.engine.json_files import read_object
from unified_intelligence.engine.place import Dtype, device_of, dtype_of
from unified_intelligence.engine.trust import check_code
from unified_intelligence.entities.errors import (
    ConfigurationError,
    InvalidRequestError,
    ModelError,
    ModelNotFoundError,
)
from unified_intelligence.entities.generation import GenerationConfig
from unified_intelligence.profiles import qwen3

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

    from unified_intelligence.engine.divided import Ranks
    from unified_intelligence.engine.pooling import Pooler
    from unified_intelligence.engine.recipe import Recipe

_SMALL_FILES = ["*.json", "*.jinja", "*.txt", "*.model"]
_CODE = ["*.py"]
_WEIGHTS, _INDEX = "model.safetensors", "model.safetensors.index.json"
_BREAKS = (
    OSError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ImportError,
    RuntimeError,
    ArithmeticError,
)  # what loaders raise of files that contradict themselves
_ONE_AT_A_TIME = Lock()  # two loads at once take the memory of both, and the loaders change settings of the process


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model ready to answer: `longest` is the most tokens it reads and writes together, `ends` end its turn.

    `grammars` hold its answers to a form. `pooler` makes its vectors. `speaks` is false where its files have no weights
    that choose a token. `ranks` are the other processes of a divided one.
    """

    model: PreTrainedModel
    tokenizer: Any  # a PreTrainedTokenizerBase, half typed
    longest: int
    ends: frozenset[int]
    grammars: Grammars
    pooler: Pooler
    speaks: bool = True
    ranks: Ranks | None = None

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


def download(
    model: str, *, revision: str | None, cache_dir: str | None, offline: bool, commit: str | None = None
) -> Path:
    """The folder of a Hub model in the cache; its code with it if `commit` is the one at which it may run.

    Raises ModelNotFoundError, ConfigurationError.
    """
    if commit and revision not in {None, commit}:
        raise ConfigurationError(
            f"The code of {model} is trusted at {commit}, and the revision is {revision}.",
            hint="Leave the revision out, or trust the code at that commit.",
        )
    at = Source(model, commit or revision, cache_dir, offline)
    folder = fetched(at, _SMALL_FILES)
    small = [*_SMALL_FILES, *_CODE] if check_code(folder, commit, of_hub=True) else _SMALL_FILES
    folder = fetched(at, [*small, *weight_files(folder)], told=True)
    if inner := recipe_files.files_of(folder):
        fetched(at, inner, inner=True)
    return folder


def download_adapter(model: str, *, cache_dir: str | None, offline: bool) -> Path:
    """The folder of an adapter of the Hub's in the cache. Raises ModelNotFoundError, ConfigurationError."""
    return fetched(Source(model, None, cache_dir, offline), [lora.CONFIG, lora.WEIGHTS], told=True)


def template_files(folder: Path) -> str:
    """All chat templates in the folder's files, one after the other; "" where they hold none. Raises ModelError."""
    saved = folder / "tokenizer_config.json"
    named = read_object(saved).get("chat_template") if saved.is_file() else None
    files = [*folder.glob("chat_template.jinja"), *folder.glob("additional_chat_templates/*.jinja")]
    return "\n".join([_text(path) for path in files] + ([json.dumps(named)] if named else []))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} is no text ({error}).", hint="Copy or download it again.") from error


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
        except OSError as error:
            raise ModelError(f"{path} cannot be read ({error}).", hint="Look who may read it.") from error


def weight_files(folder: Path) -> list[str]:
    """The only one, which the loaders read even beside an index, or the names the index gives."""
    index = folder / _INDEX
    if (folder / _WEIGHTS).is_file() or not index.is_file():
        return [_WEIGHTS]
    placed = read_object(index).get("weight_map")
    names = (
        {str(name) for name in cast("dict[str, object]", placed).values()} if isinstance(placed, dict) else set[str]()
    )
    if not names or any(Path(name).name != name or not name.endswith(".safetensors") for name in names):
        raise ModelError(f"{index} names no weights, or some outside of its folder or in another format.")
    return sorted(names)


def load(  # noqa: PLR0913 - each is an option of the command line
    folder: Path,
    *,
    dtype: Dtype,
    device: str,
    quantization: arrange.Quantized = "none",
    attention: arrange.Attention = "auto",
    device_map: str | None = None,
    max_memory: str | None = None,
    code: bool = False,
    parallel: int = 1,
    join: Callable[[str], None] | None = None,
) -> Loaded:
    """Loads one model at a time; others wait. int8, int4 and fp8 are left to the engine's own products.

    Its own `code` runs only if it may. Of `parallel` processes this is one; `join` connects them, on a kind of device.
    Raises ConfigurationError for what this machine cannot do, ModelError for anything the loaders refuse.
    """
    import transformers

    library: Any = transformers  # half typed
    recipe, place = recipe_files.read(folder), device_of(device)
    closed = {"trust_remote_code": code, "local_files_only": True}
    with _ONE_AT_A_TIME, bars_on_terminals_only(), _no_report(recipe), _as_model_errors(folder, place):
        config = library.AutoConfig.from_pretrained(folder, **closed)
        _check_causal(folder, config, recipe)
        numbers = dtype_of(dtype, config.dtype, place)
        told = arrange.quantizer(quantization, place, numbers) | arrange.devices(device_map, max_memory) | closed
        told |= arrange.attention(attention, place, numbers)
        told |= arrange.division(parallel, place, config)
        _check_products(quantization, place, numbers)
        if join:
            join(place.type)
        tokenizer = library.AutoTokenizer.from_pretrained(folder, **closed)
        model, report = library.AutoModelForCausalLM.from_pretrained(
            folder, config=config, dtype=numbers, use_safetensors=True, output_loading_info=True, **told
        )
        model = (model.to(place) if told.keys().isdisjoint(arrange.PLACES) else model).eval()
    return _loaded(folder, model, tokenizer, recipe, report["missing_keys"])


@contextmanager
def _no_report(recipe: Recipe) -> Generator[None]:
    """Of a model made for vectors the loaders tell at length that it lacks what chooses a token."""
    from transformers.utils import logging

    library: Any = logging  # half typed
    level: int = library.get_verbosity()
    if recipe.own:
        library.set_verbosity_error()
    try:
        yield
    finally:
        library.set_verbosity(level)


@contextmanager
def _as_model_errors(folder: Path, place: torch.device) -> Generator[None]:
    import torch
    from huggingface_hub.errors import StrictDataclassError
    from safetensors import SafetensorError

    try:
        yield
    except (MemoryError, torch.OutOfMemoryError) as error:
        raise ModelError(f"{folder} does not fit the memory of {place}.", hint="Use a smaller model.") from error
    except StrictDataclassError as error:  # a configuration that contradicts itself
        raise ModelError(f"{folder} could not be loaded: {' '.join(str(error).split())}") from error
    except (*_BREAKS, SafetensorError) as error:
        raise ModelError(f"{folder} could not be loaded: {error}") from error


def _check_complete(folder: Path, missing: set[str]) -> None:
    if missing:  # transformers fills them with random numbers and goes on
        raise ModelError(f"{folder} lacks the tensors {', '.join(sorted(missing)[:3])}.")


def _head(model: Any) -> frozenset[str]:
    """The names of the weights that choose a token, which models made for vectors are saved without."""
    head = model.get_output_embeddings()
    own = {id(parameter) for parameter in head.parameters()} if head else set[int]()
    return frozenset(name for name, parameter in model.named_parameters() if id(parameter) in own)


def _check_causal(folder: Path, config: Any, recipe: Recipe) -> None:
    """Raises ConfigurationError for an encoder that was made for vectors: it has no pass that writes."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_MASKED_LM_MAPPING_NAMES

    masked: Any = MODEL_FOR_MASKED_LM_MAPPING_NAMES  # half typed
    if recipe.own and config.model_type in masked:
        raise ConfigurationError(
            f"{folder} is an encoder ({config.model_type}); only vectors of models that write text are made here.",
            hint="Choose one made from such a model, such as Qwen/Qwen3-Embedding-0.6B.",
        )


def _check_sampling(folder: Path, saved: Any) -> None:
    """Raises ModelError for a recommended sampling that no request could ask for: each answer would break on it."""
    try:
        told = {name: getattr(saved, name) for name in ("temperature", "top_p", "min_p", "repetition_penalty")}
        GenerationConfig(**told, top_k=max(saved.top_k or 0, 0))
    except (InvalidRequestError, TypeError) as error:
        raise ModelError(f"The generation_config.json of {folder} cannot be used: {error}") from error


def _loaded(folder: Path, model: Any, tokenizer: Any, recipe: Recipe, missing: set[str]) -> Loaded:
    from unified_intelligence.engine.pooling import Pooler

    head = _head(model) if recipe.own else frozenset[str]()
    _check_complete(folder, missing - head)
    _check_sampling(folder, model.generation_config)
    positions: int | None = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    row: int = model.get_output_embeddings().weight.shape[0]
    ends = _ends(folder, model, tokenizer, row)
    size: int | None = getattr(model.config.get_text_config(), "hidden_size", None)
    return Loaded(
        model,
        tokenizer,
        positions or tokenizer.model_max_length,
        ends,
        Grammars(tokenizer, ends, row),
        Pooler(recipe, model.device, size=size),
        speaks=head.isdisjoint(missing),
    )


def _check_products(quantization: arrange.Quantized, device: torch.device, dtype: torch.dtype) -> None:
    """Raises ConfigurationError where this machine has none of that kind: before the weights are read."""
    from unified_intelligence.engine import linear

    if quantization in ("int8", "int4", "fp8"):
        linear.require(quantization, device, dtype)


def _ends(folder: Path, model: Any, tokenizer: Any, row: int) -> frozenset[int]:
    """The tokens that end a turn, of `row` logits. Raises ModelError for what is no number of a token; one beyond the
    row never comes.
    """
    given: object = model.generation_config.eos_token_id
    listed = cast("list[object]", given) if isinstance(given, list) else [given]
    if not all(token is None or type(token) is int for token in listed):
        raise ModelError(f"{folder} names the eos_token_id {given}, which is no token.", hint="Mend its configuration.")
    ends: set[Any] = {tokenizer.eos_token_id, *listed}
    if model.config.model_type.startswith("qwen3"):
        ends |= {tokenizer.convert_tokens_to_ids(token) for token in qwen3.END_OF_TURN}
    return frozenset(token for token in ends - {None, tokenizer.unk_token_id} if 0 <= token < row)
