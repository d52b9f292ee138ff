"""What `from unified_intelligence import ...` gives, to a program and to a type checker."""

import ast
from pathlib import Path

import unified_intelligence


def test_every_name_is_there_and_typed_from_where_it_lives() -> None:
    source = ast.parse(Path(unified_intelligence.__file__).read_text("utf-8"))
    typed = {
        alias.asname: f"{node.module}.{alias.name}"
        for node in ast.walk(source)
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("unified_intelligence.")
        for alias in node.names
    }
    names = [name for name in unified_intelligence.__all__ if name != "__version__"]
    given = {name: getattr(unified_intelligence, name) for name in names}
    assert {name: f"{thing.__module__}.{thing.__name__}" for name, thing in given.items()} == typed
