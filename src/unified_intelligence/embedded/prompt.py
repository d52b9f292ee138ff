"""The conversation as the model reads it, by the chat template that lies beside its weights, in Jinja's sandbox."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2.sandbox import ImmutableSandboxedEnvironment

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jinja2 import Template

TEMPLATE = "chat_template.jinja"


def render(folder: Path, question: str, tools: Sequence[Mapping[str, object]] = ()) -> str:
    """The prompt for one question in the model's spelling, up to where the assistant begins to write."""
    messages = [{"role": "user", "content": question}]
    return _template(folder).render(messages=messages, tools=tools or None, add_generation_prompt=True)


@cache
def _template(folder: Path) -> Template:
    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    return environment.from_string((folder / TEMPLATE).read_text(encoding="utf-8"))
