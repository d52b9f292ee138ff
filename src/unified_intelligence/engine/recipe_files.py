"""How a model's vectors are to be made: what the files of sentence-transformers beside its weights say of that.

They are `modules.json`, a folder for each module named there, `config_sentence_transformers.json`, and
`sentence_bert_config.json`. What they ask for and is not done here is refused: other vectors would only look right.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from unified_intelligence.engine.json_files import read_list, read_object
from unified_intelligence.engine.recipe import POOLINGS, Dense, Recipe
from unified_intelligence.entities.errors import ConfigurationError, ModelError, ModelNotFoundError

MODULES = "modules.json"
_PROMPTS, _READING, _OWN, _WEIGHTS = (
    "config_sentence_transformers.json", "sentence_bert_config.json", "config.json", "model.safetensors",
)  # fmt: skip
_OLD_NAMES: Mapping[str, str] = {
    "cls": "pooling_mode_cls_token",
    "max": "pooling_mode_max_tokens",
    "mean": "pooling_mode_mean_tokens",
    "mean_sqrt_len_tokens": "pooling_mode_mean_sqrt_len_tokens",
    "weightedmean": "pooling_mode_weightedmean_tokens",
    "lasttoken": "pooling_mode_lasttoken",
}
_KINDS = frozenset({"Transformer", "Pooling", "Dense", "Normalize", "Dropout"})
_ACTIVATIONS = frozenset(
    {"ELU", "GELU", "Identity", "LeakyReLU", "Mish", "ReLU", "Sigmoid", "SiLU", "Softplus", "Tanh"}
)
_STATE = "sentence_embedding"  # what all modules behind the pooling read and write
_PLACES = {"module_input_name": _STATE, "module_output_name": _STATE}
_PLAINLY = {"method": "forward", "method_output_name": "last_hidden_state"}
_AS_IT_IS = "Copy the model without modules.json to have the mean of its states, or choose another one."


def files_of(folder: Path) -> list[str]:
    """What a Hub model has in its folders for modules, as patterns; none where it has no modules. Raises as `read`."""
    if not (folder / MODULES).is_file():
        return []
    return [f"{path}/{name}" for _, path in _modules(folder) if path for name in (_OWN, _WEIGHTS)]


def read(folder: Path) -> Recipe:
    """Of a model's folder. Reads no numbers.

    Raises ConfigurationError for what is not done here, ModelError and ModelNotFoundError for files that are
    damaged or lacking.
    """
    sizes = _sizes(folder)
    if not (folder / MODULES).is_file():
        return Recipe(sizes=sizes)
    modules = _modules(folder)
    if [kind for kind, _ in modules[:2]] != ["Transformer", "Pooling"]:
        raise _refused(folder / MODULES, f"begins with {' and '.join(kind for kind, _ in modules[:2]) or 'nothing'}")
    poolings, inputs, with_prompt = _pooling(folder / modules[1][1] / _OWN)
    steps = tuple(_steps(folder, modules[2:]))
    size = inputs * len(poolings)
    for step in steps:
        if step and step.inputs != size:
            raise ModelError(f"{step.weights.parent} is for {step.inputs} numbers, and {size} come before it.")
        size = step.outputs if step else size
    recipe = Recipe(poolings, steps, own=True, with_prompt=with_prompt, inputs=inputs, size=size)
    return _with_settings(folder, recipe, sizes)


def _with_settings(folder: Path, recipe: Recipe, sizes: frozenset[int] | None) -> Recipe:
    longest, lower = _reading(folder / _READING)
    prompts, prompt, cut = _prompts(folder / _PROMPTS)
    if cut is not None and not 0 < cut <= recipe.size:
        raise ModelError(f"{folder / _PROMPTS} cuts vectors of {recipe.size} to {cut}.", hint="Mend its truncate_dim.")
    return replace(
        recipe, longest=longest, lower=lower, prompts=prompts, prompt=prompt, cut=cut,
        sizes=None if cut is not None and not sizes else sizes,
    )  # fmt: skip


def _modules(folder: Path) -> list[tuple[str, str]]:
    """The kind and the folder of each. A path is one name within the model's folder, "" the folder itself."""
    path, found = folder / MODULES, list[tuple[str, str]]()
    for module in read_list(path):
        fields = cast("dict[str, object]", module) if isinstance(module, dict) else {}
        kind, where = fields.get("type"), fields.get("path")
        if not isinstance(kind, str) or not isinstance(where, str):
            raise ModelError(f"{path} holds what is no module.", hint="Copy or download it again.")
        room, _, name = kind.rpartition(".")
        if room.partition(".")[0] != "sentence_transformers" or name not in _KINDS or fields.get("kwargs"):
            raise _refused(path, f"names a module {kind}")
        if (name == "Transformer") != (where == "") or Path(where).name != where or where == "..":
            raise _refused(path, f"has a module {kind} in {where or 'the folder of the model'!r}")
        found.append((name, where))
    return found


def _steps(folder: Path, modules: Iterable[tuple[str, str]]) -> Iterator[Dense | None]:
    for kind, where in modules:
        if kind == "Dense":
            yield _dense(folder / where)
        elif kind == "Normalize":
            if (folder / where / _OWN).is_file():
                _check_known(folder / where / _OWN, read_object(folder / where / _OWN), (), _PLACES)
            yield None
        elif kind != "Dropout":
            raise _refused(folder / MODULES, f"has a further module {kind}")


def _pooling(path: Path) -> tuple[tuple[str, ...], int, bool]:
    """The poolings, the size of the states they are for, and whether the prompt's are among them."""
    fields = read_object(_there(path))
    known = ("pooling_mode", "embedding_dimension", "word_embedding_dimension", "include_prompt")
    _check_known(path, fields, (*known, *_OLD_NAMES.values()), {})
    given: object = fields.get("pooling_mode")
    if given is None:
        given = [name for name in POOLINGS if fields.get(_OLD_NAMES[name])] or ["mean"]
    names = cast("Sequence[object]", given if isinstance(given, list) else [given])
    if not names or not all(isinstance(name, str) and name in POOLINGS for name in names):
        raise _refused(path, f"asks for the pooling {given}")
    size = _number(path, fields, next((name for name in known[1:3] if name in fields), known[1]))
    return tuple(cast("Sequence[str]", names)), size, bool(fields.get("include_prompt", True))


def _dense(folder: Path) -> Dense:
    path = _there(folder / _OWN)
    fields = read_object(path)
    known = ("in_features", "out_features", "bias", "activation_function", "use_residual")
    _check_known(path, fields, known, _PLACES)
    written = str(fields.get("activation_function", "torch.nn.modules.activation.Tanh"))
    room, _, activation = written.rpartition(".")
    if not room.startswith("torch.nn") or activation not in _ACTIVATIONS:
        raise _refused(path, f"asks for the activation {written}")
    sizes = _number(path, fields, "in_features"), _number(path, fields, "out_features")
    bias, residual = bool(fields.get("bias", True)), bool(fields.get("use_residual", False))
    dense = Dense(folder / _WEIGHTS, *sizes, bias, activation, residual)
    _check_weights(dense)
    return dense


def _check_weights(dense: Dense) -> None:
    import safetensors

    library: Any = safetensors  # not typed
    path = dense.weights
    if not path.is_file():
        hint = "Only safetensors are read, never pickles: save it again with safe_serialization=True."
        raise ModelNotFoundError(f"{path.parent} lacks the weights {path.name}.", hint=hint)
    try:
        with library.safe_open(path, framework="numpy") as tensors:  # compares the header with the length
            shapes = {name: tuple(tensors.get_slice(name).get_shape()) for name in tensors.keys()}  # noqa: SIM118
    except library.SafetensorError as error:
        raise ModelError(f"{path} is damaged ({error}).", hint="Copy or download it again.") from error
    if shapes != dense.tensors:
        raise ModelError(f"{path} holds {shapes}, and {_OWN} beside it is for {dense.tensors}.")


def _reading(path: Path) -> tuple[int | None, bool]:
    """The most tokens of a text, and whether it is read in small letters."""
    fields = read_object(path) if path.is_file() else {}
    usual: dict[str, object] = {"transformer_task": "feature-extraction", "module_output_name": "token_embeddings"}
    _check_known(path, fields, ("max_seq_length", "do_lower_case", "modality_config"), usual)
    ways: object = fields.get("modality_config") or {}
    for kind, way in cast("dict[str, object]", ways).items() if isinstance(ways, dict) else [("", ways)]:
        if kind != "text" or way != _PLAINLY:  # as messages of a chat, where both are there
            raise _refused(path, f"has texts read as {kind or way}: {way}")
    longest = _number(path, fields, "max_seq_length") if fields.get("max_seq_length") is not None else None
    return longest, bool(fields.get("do_lower_case"))


def _prompts(path: Path) -> tuple[Mapping[str, str], str, int | None]:
    """By name, the one of a text that asks for none, and the size that vectors are cut to."""
    fields = read_object(path) if path.is_file() else {}
    if fields.get("model_type", "SentenceTransformer") != "SentenceTransformer":
        raise _refused(path, f"is of a {fields['model_type']}")
    prompts: object = fields.get("prompts") or {}
    given = cast("dict[str, object]", prompts) if isinstance(prompts, dict) else {"": prompts}
    kept = {name: text or "" for name, text in given.items() if isinstance(text, str | None)}
    if len(kept) < len(given):
        raise ModelError(f"The prompts of {path} are no texts by name.")
    default = fields.get("default_prompt_name")
    if default is not None and default not in kept:
        raise ModelError(f"{path} names the prompt {default}, which it does not have.")
    cut = _number(path, fields, "truncate_dim") if fields.get("truncate_dim") is not None else None
    return kept, kept[str(default)] if default is not None else "", cut


def _sizes(folder: Path) -> frozenset[int] | None:
    """What `config.json` says vectors may be cut to, in the words that servers of such models share."""
    fields = read_object(folder / _OWN)
    given = fields.get("matryoshka_dimensions")
    if isinstance(given, list) and given:
        listed = cast("list[object]", given)
        if not all(type(size) is int and size > 0 for size in listed):
            raise ModelError(f"The matryoshka_dimensions of {folder / _OWN} are no sizes.")
        return frozenset(cast("list[int]", listed))
    return None if fields.get("is_matryoshka") is True else frozenset()


def _number(path: Path, fields: Mapping[str, object], name: str) -> int:
    value = fields.get(name)
    if type(value) is not int or value < 1:
        raise ModelError(f"{path} gives {name} as {value}, and it is a whole number above 0.")
    return value


def _there(path: Path) -> Path:
    if not path.is_file():
        raise ModelNotFoundError(f"{path.parent} lacks {path.name}.", hint="Copy or download the whole model again.")
    return path


def _check_known(path: Path, fields: Mapping[str, object], known: Iterable[str], usual: Mapping[str, object]) -> None:
    """Raises ConfigurationError for a setting that is not known, or not as `usual`, unless it asks for nothing."""
    for name, value in fields.items():
        if value and name not in known and value != usual.get(name):
            raise _refused(path, f"sets {name} to {value}")


def _refused(path: Path, what: str) -> ConfigurationError:
    return ConfigurationError(f"{path} {what}, which is not done here.", hint=_AS_IT_IS)
