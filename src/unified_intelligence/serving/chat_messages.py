"""The turns of a conversation as OpenAI's API has them, read into ours.

Without effect are a turn's `name`, which no chat template here has a place for, and an assistant's annotations and
refusal marks, which models are not told again. What is not text is refused.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from unified_intelligence.entities.message import Message
from unified_intelligence.entities.tools import ToolCall
from unified_intelligence.serving.protocol import Many, Part


class TextPart(Part):
    type: Literal["text"]
    text: str


class RefusalPart(Part):
    type: Literal["refusal"]
    refusal: str


Content = str | Many[TextPart]
_AssistantPart = Annotated[TextPart | RefusalPart, Field(discriminator="type")]


class SystemTurn(Part):
    role: Literal["system", "developer"]
    content: Content
    name: str | None = None

    def read(self) -> Message:
        return Message("system", text_of(self.content))


class UserTurn(Part):
    role: Literal["user"]
    content: Content
    name: str | None = None

    def read(self) -> Message:
        return Message("user", text_of(self.content))


class CalledFunction(Part):
    name: str = Field(min_length=1)
    arguments: str


class Call(Part):
    model_config = ConfigDict(extra="ignore")  # clients send back what they were streamed, its index included

    id: str
    type: Literal["function"] = "function"
    function: CalledFunction

    def read(self) -> ToolCall:
        return ToolCall(self.id, self.function.name, self.function.arguments or "{}")


class AssistantTurn(Part):
    """Clients send back the message they were given, whole."""

    role: Literal["assistant"]
    content: str | Many[_AssistantPart] | None = None
    refusal: str | None = None
    tool_calls: Many[Call] | None = None
    name: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    annotations: Many[object] | None = None
    audio: None = None
    function_call: None = None

    def read(self) -> Message:
        text = text_of(self.content or "") or self.refusal or ""
        calls = tuple(call.read() for call in self.tool_calls or ())
        return Message("assistant", text, calls, reasoning=self.reasoning_content or self.reasoning or "")


class ToolTurn(Part):
    role: Literal["tool"]
    content: Content
    tool_call_id: str
    name: str | None = None

    def read(self) -> Message:
        return Message("tool", text_of(self.content), tool_call_id=self.tool_call_id)


Turn = Annotated[UserTurn | SystemTurn | AssistantTurn | ToolTurn, Field(discriminator="role")]


def text_of(content: str | list[TextPart] | list[_AssistantPart]) -> str:
    """Parts follow each other without a break."""
    if isinstance(content, str):
        return content
    return "".join(part.text if isinstance(part, TextPart) else part.refusal for part in content)
