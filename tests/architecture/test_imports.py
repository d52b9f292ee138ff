"""Which way imports run, and what a start may cost. The contracts are in pyproject.toml."""

import json
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.architecture.repository import PACKAGE, ROOT

HEAVY = frozenset({
    "asyncio", "huggingface_hub", "importlib.metadata", "jinja2", "numpy", "pydantic", "rich", "safetensors",
    "tokenizers", "torch", "transformers",
})  # fmt: skip
EMBEDDED_NEEDS = frozenset({"numpy", "tokenizers"})

START = """
import json, sys
before = set(sys.modules)
sys.argv = ["uic", *sys.argv[1:]]
from unified_intelligence.__main__ import main
try:
    code = main()
except SystemExit as stop:
    code = stop.code
sys.stdout.flush()
print(json.dumps([code or 0, sorted(set(sys.modules) - before)]), file=sys.stderr)
"""


def loaded_by(*arguments: str) -> frozenset[str]:
    """The modules one run of the command imports, besides those of the bare interpreter."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", START, *arguments],
        capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    code, modules = json.loads(done.stderr.splitlines()[-1])
    assert code == 0, done.stderr
    return frozenset(modules)


def test_the_import_contracts_are_kept() -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    assert "0 broken" in done.stdout


def test_importing_the_package_costs_nothing() -> None:
    code = "import sys; before = set(sys.modules); import unified_intelligence; print(*(set(sys.modules) - before))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not HEAVY.intersection(loaded)
    assert not [name for name in loaded if name.startswith("unified_intelligence.")]


@pytest.mark.parametrize(
    ("arguments", "budget"),
    [
        (["--version"], 40),
        (["--help"], 150),
        (["eval", "--help"], 150),
        (["--provider", "echo", "--query", "deux mots, ça va"], 170),
    ],
)
def test_a_start_loads_only_what_it_needs(arguments: list[str], budget: int) -> None:
    loaded = loaded_by(*arguments)
    assert not HEAVY.intersection(loaded)
    assert len(loaded) <= budget, sorted(loaded)


@pytest.mark.skipif(not (PACKAGE / "embedded/model/model.safetensors").is_file(), reason="no embedded weights yet")
def test_the_embedded_model_loads_no_deep_learning_library() -> None:
    loaded = loaded_by("--provider", "embedded", "--query", "What is 15 % of 240?")
    assert loaded >= EMBEDDED_NEEDS
    assert not (HEAVY - EMBEDDED_NEEDS - {"asyncio", "importlib.metadata"}).intersection(loaded)


_ROOMS = (("torch", ".engine"), ("gradio", ".gradio_space"), ("streamlit", ".dashboard"))


def modules() -> Iterator[str]:
    for path in sorted(PACKAGE.rglob("*.py")):
        yield ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")


# All in one process that has read the libraries, and forgets what it read of ours before each module: a process for
# each would take minutes, and a fork for each twice as long as this.
EACH_FIRST = """
import contextlib, gc, sys, traceback
sys.modules.update(torch=sys, transformers=sys)
for library in sys.argv[1].split():
    with contextlib.suppress(ImportError):
        __import__(library)
gc.disable()
gc.freeze()
for count, module in enumerate(sys.argv[2:]):
    for name in [name for name in sys.modules if name.partition(".")[0] == "unified_intelligence"]:
        del sys.modules[name]
    if count % 50 == 0:
        gc.collect()
    try:
        __import__(module)
    except BaseException:
        traceback.print_exc()
        print(module)
"""


def test_every_module_can_be_imported_first() -> None:
    """A cycle between two modules shows only when the wrong one comes first."""
    lacking = [room for library, room in _ROOMS if not find_spec(library)]
    names = [
        name
        for name in modules()
        if not name.endswith("__main__")
        and not any(room in name for room in lacking)
        and not (".engine" in lacking and name.endswith("transformers_adapter"))
    ]
    libraries = "asyncio gradio streamlit fastapi pydantic numpy httpx2 huggingface_hub typer rich"
    done = subprocess.run(
        [sys.executable, "-c", EACH_FIRST, libraries, *names], capture_output=True, text=True, check=True
    )
    assert not done.stdout, done.stderr[-3000:]
