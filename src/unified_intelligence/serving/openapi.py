"""The OpenAPI document: FastAPI's, with what it cannot know of this server.

That is the names the model answers to, what the layers around the routes may answer, whether a key is asked for, and
the schemas of answers, which are written without models of pydantic's.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any, cast

from unified_intelligence.serving.authentication import OPEN_PATHS
from unified_intelligence.serving.documents import SCHEMAS, refusals_of
from unified_intelligence.serving.validation import UNSUPPORTED

if TYPE_CHECKING:
    from fastapi import FastAPI

_NEVER_SENT = ("HTTPValidationError", "ValidationError")
# pydantic leaves a bound under its own name where a validator stands before the type.
_BOUNDS = {"ge": "minimum", "le": "maximum", "gt": "exclusiveMinimum", "lt": "exclusiveMaximum"}
_UNSUPPORTED = "Not done here: only what asks for nothing is taken."
_KEYS = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "header": {"type": "apiKey", "in": "header", "name": "x-api-key"},
}
Document = dict[str, Any]


def describe(app: FastAPI, names: Collection[str], *, keyed: bool) -> None:
    """From here on `app.openapi` gives the whole document. `keyed` says that callers need a key."""
    written = app.openapi

    def openapi() -> Document:
        if app.openapi_schema is None:
            app.openapi_schema = _completed(written(), names, keyed=keyed)
        return app.openapi_schema

    app.openapi = openapi


def _completed(document: Document, names: Collection[str], *, keyed: bool) -> Document:
    components = document.setdefault("components", {})
    schemas: Document = {
        name: _exact(schema) for name, schema in components.get("schemas", {}).items() if name not in _NEVER_SENT
    }
    components["schemas"] = {**schemas, **SCHEMAS}
    for name in _bodies(document):
        _name_models(schemas[name]["properties"]["model"], names)
        if name in _with_unsupported(schemas):
            for field, neutral in UNSUPPORTED.items():
                schemas[name]["properties"].setdefault(field, {"enum": [None, *neutral], "description": _UNSUPPORTED})
    for path, operation in _operations(document):
        _complete(operation, names, keyed=keyed and path not in OPEN_PATHS)
    if keyed:
        components["securitySchemes"] = _KEYS
    return document


def _complete(operation: Document, names: Collection[str], *, keyed: bool) -> None:
    responses = operation["responses"]
    responses.pop("422", None)
    layers = (400, 401, 500) if keyed else (400, 500)
    for status, said in refusals_of(*layers, *((408, 413) if "requestBody" in operation else ())).items():
        responses.setdefault(str(status), said)
    if keyed:
        operation["security"] = [{name: []} for name in _KEYS]
    else:
        responses.pop("401", None)
    for parameter in operation.get("parameters", ()):
        if parameter["name"] == "model":
            _name_models(parameter["schema"], names)


def _operations(document: Document) -> Iterator[tuple[str, Document]]:
    return ((path, operation) for path, methods in document["paths"].items() for operation in methods.values())


def _bodies(document: Document) -> Iterator[str]:
    """The names of the schemas of requests."""
    for _, operation in _operations(document):
        if "requestBody" in operation:
            reference: str = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"]
            yield reference.rpartition("/")[2]


def _with_unsupported(schemas: Document) -> list[str]:
    """A request that has to name its model takes OpenAI's fields that ask for nothing."""
    return [name for name, schema in schemas.items() if "model" in schema.get("required", ())]


def _name_models(schema: Document, names: Collection[str]) -> None:
    text: Document = next((each for each in schema.get("anyOf", ()) if each.get("type") == "string"), schema)
    text["enum"] = list(names)
    text.pop("minLength", None)


def _exact(value: Any) -> Any:
    """Whole numbers as integers: FastAPI makes floats of bounds, and between the largest seeds there are no floats."""
    if isinstance(value, Mapping):
        items = cast("Mapping[str, Any]", value).items()
        return {_BOUNDS.get(name, name): _exact(inner) for name, inner in items}
    if isinstance(value, list):
        return [_exact(inner) for inner in cast("list[Any]", value)]
    return int(value) if isinstance(value, float) and value.is_integer() else value
