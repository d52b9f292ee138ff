"""The shape of the repository: sizes, names, and what may lie in the root."""

import ast
import re
from pathlib import Path

from tests.architecture.repository import PACKAGE, ROOT, python_files, text_of, tracked

LONGEST_FILE = 400
LONGEST_FUNCTION = 40
VAGUE = frozenset({"base", "common", "core", "helper", "helpers", "manager", "misc", "shared", "util", "utils"})
IN_ROOT = frozenset({
    ".ci", ".gitattributes", ".github", ".gitignore", "CHANGELOG.md", "DEPLOYMENT_SUMMARY.md", "LICENSE", "README.md",
    "benchmarks", "config.json", "constraints.txt", "dashboard", "deploy", "docs", "hf_spaces", "pyproject.toml", "src",
    "tests", "training",
})  # fmt: skip
MACHINE_PATH = re.compile(r"(?<![\w./])/(?:home/(?!me/|user\b)\w+|Users/\w+|root/|tmp/\w|work/|opt/\w|mnt/\w)")
REGISTRY = re.compile(r"(?:pypi|pythonhosted|registry\.npmjs|conda\.anaconda|download\.pytorch)\.(?:org|com)\b")


def test_files_are_short_enough_to_read() -> None:
    lengths = {path: len(text_of(path).splitlines()) for path in python_files()}
    assert {path: length for path, length in lengths.items() if length > LONGEST_FILE} == {}


def test_functions_are_short_enough_to_see() -> None:
    long: list[str] = []
    for path in python_files():
        for node in ast.walk(ast.parse(text_of(path))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None:
                length = node.end_lineno - node.lineno + 1
                if length > LONGEST_FUNCTION:
                    long.append(f"{path}:{node.lineno} {node.name} has {length} lines")
    assert long == []


def test_a_module_is_named_after_what_it_holds() -> None:
    parts = {(path, part) for path in python_files() for part in (*path.parent.parts, path.stem)}
    assert [str(path) for path, part in sorted(parts) if VAGUE.intersection(part.lower().split("_"))] == []


def test_the_root_holds_only_what_is_expected_there() -> None:
    assert {path.parts[0] for path in tracked()} <= IN_ROOT


def test_a_room_is_furnished() -> None:
    inside = PACKAGE.relative_to(ROOT)
    files = [path.relative_to(inside) for path in python_files() if path.is_relative_to(inside)]
    rooms = {path.parts[0] for path in files if len(path.parts) > 1}
    furnished = {path.parts[0] for path in files if path.name != "__init__.py"}
    assert rooms - furnished == set()


def test_no_file_depends_on_one_machine_or_one_registry() -> None:
    here = Path(__file__).relative_to(ROOT)
    found: list[str] = []
    for path in tracked():
        if path == here:
            continue
        for number, line in enumerate(text_of(path).splitlines(), 1):
            if MACHINE_PATH.search(line) or REGISTRY.search(line):
                found.append(f"{path}:{number} {line.strip()[:100]}")
    assert found == []
