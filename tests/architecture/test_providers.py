"""The table of providers is the only list of them: everything else shows it."""

from tests.architecture.repository import PACKAGE, ROOT
from unified_intelligence.config.settings import BY_NAME
from unified_intelligence.factories.provider_factory import ENTRY_POINTS, PROVIDERS


def module_file(target: str) -> str:
    return target.partition(":")[0].rpartition(".")[2] + ".py"


def test_every_adapter_has_its_row() -> None:
    files = {path.name for path in (PACKAGE / "adapters/llm").glob("*_adapter.py")}
    assert files <= {module_file(provider.target) for provider in PROVIDERS.values()}


def test_the_default_is_one_of_them() -> None:
    """And answers after a plain install."""
    assert PROVIDERS[str(BY_NAME["provider"].default)].extra == ""


def test_an_extra_named_in_the_table_exists() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    for provider in PROVIDERS.values():
        assert not provider.extra or f"\n{provider.extra} = [" in project


def test_the_group_for_plugins_is_documented() -> None:
    for name in ("README.md", "pyproject.toml"):
        assert ENTRY_POINTS in (ROOT / name).read_text(encoding="utf-8")
