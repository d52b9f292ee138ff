"""What the calls of an answer have to be, for a model that cannot be kept from making others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from unified_intelligence.entities.errors import InvalidRequestError
from unified_intelligence.serving.json_answer import read_json
from unified_intelligence.serving.json_schema import Schema

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from unified_intelligence.entities.tools import ToolCall, ToolSpec

MOST_TOOLS = 128  # whose schemas are read for one request


@dataclass(frozen=True, slots=True)
class CallRules:
    """`schemas` has every tool that was offered; None where arguments go out as the model wrote them."""

    schemas: Mapping[str, Schema | None]
    required: bool = False
    single: bool = False

    @property
    def instruction(self) -> str:
        names = ", ".join(self.schemas)
        said = f"Answer with a call of one of these functions, and no text: {names}." if self.required else ""
        return f"{said} Call at most one function in an answer.".strip() if self.single else said

    def fault(self, calls: Sequence[ToolCall]) -> str:
        """What is wrong with the calls of one answer, a sentence without its dot; empty if nothing is."""
        if not calls:
            return "no function was called" if self.required else ""
        if self.single and len(calls) > 1:
            return f"{len(calls)} functions were called at once, one at most is allowed"
        return next((fault for call in calls if (fault := self._fault_of(call))), "")

    def _fault_of(self, call: ToolCall) -> str:
        if call.name not in self.schemas:
            return f"the function {call.name!r} was called, which is not one of {', '.join(self.schemas)}"
        schema = self.schemas[call.name]
        if schema is None:
            return ""
        try:
            arguments = read_json(call.arguments)
        except ValueError as error:
            return f"the arguments for {call.name} are not JSON: {error}"
        if not isinstance(arguments, dict):
            return f"the arguments for {call.name} are not a JSON object"
        fault = schema.fault(cast("dict[str, object]", arguments))
        return f"the arguments for {call.name} are wrong, {fault}" if fault else ""


def rules_for(tools: Sequence[ToolSpec], *, required: bool, single: bool) -> CallRules | None:
    """The rules for the calls of an answer; None where any call may go out. Raises InvalidRequestError for parameters
    nobody can check.
    """
    checked = sum(required or tool.strict for tool in tools)
    if checked > MOST_TOOLS:
        raise InvalidRequestError(f"{checked} tools are to be checked; at most {MOST_TOOLS} can be.")
    schemas = {
        tool.name: Schema(tool.parameters, f"The schema of the tool {tool.name!r}") if required or tool.strict else None
        for tool in tools
    }
    if not (required or single or any(schemas.values())):
        return None
    return CallRules(schemas, required, single)
