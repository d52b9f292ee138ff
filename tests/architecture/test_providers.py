"""The table of providers is the only list of them: everything else shows it."""

import subprocess
import sys

from tests.architecture.repository import PACKAGE, ROOT, needs_cli
from unified_intelligence.factories.provider_factory import DEFAULT_PROVIDER, ENTRY_POINTS, PROVIDERS


def module_file(target: str) -> str:
    return target.partition(":")[0].rpartition(".")[2] + ".py"


def test_every_adapter_has_its_row() -> None:
    files = {path.name for path in (PACKAGE / "adapters/llm").glob("*_adapter.py")}
    assert files <= {module_file(provider.target) for provider in PROVIDERS.values()}


def test_the_default_is_one_of_them() -> None:
    assert DEFAULT_PROVIDER in PROVIDERS
    assert PROVIDERS[DEFAULT_PROVIDER].extra == "", "the default answers after a plain install"


def test_an_extra_named_in_the_table_exists() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    for provider in PROVIDERS.values():
        assert not provider.extra or f"\n{provider.extra} = [" in project


def test_the_group_for_plugins_is_documented() -> None:
    for name in ("README.md", "pyproject.toml"):
        assert ENTRY_POINTS in (ROOT / name).read_text(encoding="utf-8")


@needs_cli
def test_help_lists_exactly_the_providers_of_the_table() -> None:
    command = [sys.executable, "-m", "unified_intelligence", "--help"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    section = shown.partition("\nProviders:\n")[2].partition("\n\n")[0]
    assert dict(line.split(maxsplit=1) for line in section.splitlines()) == {
        name: provider.summary for name, provider in PROVIDERS.items()
    }
