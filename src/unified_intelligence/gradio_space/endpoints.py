"""The endpoints for programs. Their names and their arguments are what callers hold to.

Annotations are evaluated here: from what a function returns, Gradio reads how many values that are.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any

import gradio as gr

from unified_intelligence.entities.errors import UnifiedIntelligenceError
from unified_intelligence.gradio_space.answering import Answering
from unified_intelligence.gradio_space.event_json import EventJson, error_json
from unified_intelligence.gradio_space.legacy import asked_in, continued, format_of

ERROR_TITLE = "uic:"
"""Before the kind of an error, in the title of one that `respond` raises."""

_BETWEEN = 0.25
"""Seconds until `respond` gives the conversation as far as it is, which is sent whole each time; only then does Gradio
see that a caller left."""


def add_endpoints(answering: Answering, about: Mapping[str, object], at_once: int) -> None:
    """Adds the endpoints to the Blocks that are open."""

    def generate(messages: list[dict[str, Any]], config: dict[str, Any] | None = None) -> Iterator[dict[str, Any]]:
        """The answer to a conversation, an event at a time; the last one is `end` or `error`."""
        with closing(answering.events(messages, config)) as events:
            yield from events

    def version() -> dict[str, Any]:
        """Which code answers, and with which model."""
        return dict(about)

    def respond(
        message: str, chat_history: list[Any], sys_prompt: str, temp: float, max_tok: int
    ) -> Iterator[tuple[str, list[Any]]]:
        """An empty message and the conversation with the answer, in the format of chat_history; it grows."""
        try:
            form = format_of(chat_history)
        except UnifiedIntelligenceError as error:
            raise raised(error_json(error)) from error
        config = {"temperature": temp, "max_tokens": max_tok}
        text, told = list[str](), time.monotonic()
        with closing(answering.events(asked_in(message, chat_history, sys_prompt), config)) as events:
            for event in events:
                if event["type"] == "error":
                    raise raised(event)
                if event["type"] == "delta":
                    text.append(str(event["text"]))
                if time.monotonic() - told > _BETWEEN:
                    yield "", continued(message, chat_history, "".join(text), form)
                    told = time.monotonic()
        yield "", continued(message, chat_history, "".join(text), form)

    respond.__annotations__["return"] = tuple[str, list[Any]]  # from Iterator[...] Gradio would read one value
    add: Any = gr.api  # pyright: ignore - its types are half there
    add(generate, api_name="generate", concurrency_id="answers", concurrency_limit=at_once)
    add(respond, api_name="respond", concurrency_id="answers", concurrency_limit=at_once)
    add(version, api_name="version", queue=False)


def raised(told: EventJson) -> gr.Error:
    said = f"{told['message']} {told['hint']}".strip()
    return gr.Error(said, title=f"{ERROR_TITLE}{told['kind']}", print_exception=False)
