"""A conversation as the model's own chat template writes it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from unified_intelligence.engine.text import TextOfTokens
from unified_intelligence.entities.errors import (
    ConfigurationError,
    ContextLengthError,
    InvalidRequestError,
    ModelError,
)
from unified_intelligence.profiles import qwen3

if TYPE_CHECKING:
    from unified_intelligence.engine.load import Loaded
    from unified_intelligence.entities.generation import GenerationConfig
    from unified_intelligence.entities.message import Message
    from unified_intelligence.entities.tools import ToolCall, ToolSpec

# what expressions of a template raise of values that they were not written for
_BREAKS = (TypeError, ValueError, LookupError, AttributeError, ArithmeticError, RuntimeError, MemoryError)


def template_of(loaded: Loaded) -> str:
    """Raises ConfigurationError for a model that was never taught to converse: joining turns would only look right.

    ModelError for one whose template is none.
    """
    try:
        found: object = loaded.tokenizer.get_chat_template()
    except ValueError as error:
        raise ConfigurationError(
            f"{loaded.model.name_or_path} has no chat template: it continues texts and answers no questions.",
            hint="Use its instruct or chat variant.",
        ) from error
    if not isinstance(found, str):
        raise ModelError(f"The chat template of {loaded.model.name_or_path} is {found!r}, no text.")
    return found


def write(loaded: Loaded, turns: Sequence[Message], config: GenerationConfig) -> str:
    """The prompt, up to where the answer begins. Raises ConfigurationError, InvalidRequestError, ModelError."""
    from jinja2 import TemplateError, TemplateSyntaxError

    template = template_of(loaded)
    if config.tools and "tools" not in template:
        raise InvalidRequestError(f"The chat template of {loaded.model.name_or_path} has no place for tools.")
    try:
        return str(
            loaded.tokenizer.apply_chat_template(
                [_turn(turn) for turn in turns],
                tools=[_tool(tool) for tool in config.tools] or None,
                tokenize=False,
                add_generation_prompt=True,
                **qwen3.template_arguments(config.thinking),
            )
        )
    except TemplateSyntaxError as error:
        raise ModelError(
            f"The chat template of {loaded.model.name_or_path} is damaged: {error}", hint="Copy or download it again."
        ) from error
    except TemplateError as error:
        raise InvalidRequestError(f"The model's chat template refuses the conversation: {error}") from error
    except _BREAKS as error:
        raise InvalidRequestError(
            f"The model's chat template breaks at the conversation: {str(error) or type(error).__name__}"
        ) from error


def encode(loaded: Loaded, text: str, *, around: bool = False) -> list[int]:
    """The tokens of a text as it stands, special tokens in it read as such.

    `around`: with those that the tokenizer puts around every text, for a model that was trained on them.
    """
    if not text.isascii():  # half a surrogate pair, from bytes that were no text, is shown as "?"
        text = text.encode("utf-8", "replace").decode("utf-8")
    return loaded.tokenizer.encode(text, add_special_tokens=around, truncation=False, verbose=False)


def small_letters(text: str) -> str:
    """As tokenizers write them."""
    from tokenizers import normalizers

    lowercase: Any = normalizers.Lowercase()  # half typed
    return str(lowercase.normalize_str(text))


def decode(loaded: Loaded, tokens: Sequence[int]) -> str:
    """The text of tokens, special ones by their names. Raises InvalidRequestError for a number that is no token."""
    for token in tokens:
        if not 0 <= token < 2**32 or loaded.tokenizer.convert_ids_to_tokens(token) is None:
            raise InvalidRequestError(f"{token} is no token of this model.")
    return str(loaded.tokenizer.decode(list(tokens), skip_special_tokens=False, clean_up_tokenization_spaces=False))


def text_of(loaded: Loaded) -> TextOfTokens:
    """For one answer."""
    tokenizer = loaded.tokenizer
    if _decodes_plainly(tokenizer):  # what Transformers puts around that takes six times as long, for each token
        inner = tokenizer.backend_tokenizer.decode
        return TextOfTokens(lambda tokens: inner(tokens, skip_special_tokens=True))
    return TextOfTokens(lambda tokens: str(tokenizer.decode(tokens, skip_special_tokens=True)))


def _decodes_plainly(tokenizer: Any) -> bool:
    """Whether it adds nothing to what the library of tokenizers makes of tokens."""
    import transformers

    usual: Any = transformers.PreTrainedTokenizerFast
    if not isinstance(tokenizer, usual) or tokenizer.clean_up_tokenization_spaces:
        return False
    own: Any = tokenizer.__class__
    return all(getattr(own, name) is getattr(usual, name) for name in ("decode", "_decode"))


def check_length(loaded: Loaded, prompt: Sequence[int]) -> None:
    """Raises ContextLengthError when no token of an answer would fit behind it."""
    if len(prompt) >= loaded.longest:
        raise ContextLengthError(len(prompt), loaded.longest)


def _turn(turn: Message) -> dict[str, Any]:
    fields: dict[str, Any] = {"role": turn.role, "content": turn.content}
    if turn.reasoning:
        fields["reasoning_content"] = turn.reasoning
    if turn.tool_calls:
        fields["tool_calls"] = [_call(call) for call in turn.tool_calls]
    if turn.tool_call_id:
        fields["tool_call_id"] = turn.tool_call_id
    return fields


def _call(call: ToolCall) -> dict[str, Any]:
    try:
        arguments = json.loads(call.arguments)
    except json.JSONDecodeError as error:
        raise InvalidRequestError(f"The arguments of the call of {call.name} are not JSON ({error}).") from error
    except (ValueError, RecursionError) as error:  # whole numbers of very many digits
        said = f"The arguments of the call of {call.name} cannot be read: a number is too long, or they are too deep."
        raise InvalidRequestError(said, hint="Leave that call out of the conversation.") from error
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}}


def _tool(tool: ToolSpec) -> dict[str, Any]:
    described = {"description": tool.description} if tool.description else {}
    return {"type": "function", "function": {"name": tool.name, **described, "parameters": dict(tool.parameters)}}
