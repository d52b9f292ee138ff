import sys
from pathlib import Path

import pytest

from unified_intelligence.adapters.llm.echo_adapter import EchoAdapter
from unified_intelligence.entities.errors import ConfigurationError, MissingDependencyError, UnknownNameError
from unified_intelligence.factories.provider_factory import PROVIDERS, Provider, ProviderFactory

PLUGIN = """
from unified_intelligence.adapters.llm.echo_adapter import EchoAdapter

class Loud(EchoAdapter):
    def __init__(self, *, marks: int = 1) -> None:
        super().__init__()
        self.marks = marks
"""


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An installed distribution that offers the provider "loud", one that is broken, and one that would shadow echo."""
    module = f"loud_{abs(hash(str(tmp_path)))}"
    (tmp_path / f"{module}.py").write_text(PLUGIN)
    about = tmp_path / "loud_plugin-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: loud-plugin\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(
        f"[unified_intelligence.providers]\nloud = {module}:Loud\nbroken = {module}:PLUGIN\necho = {module}:Loud\n"
        f"gone = {module}_gone:Loud\nlost = {module}:Lost\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))  # pyright: ignore[reportUnknownMemberType]
    return module


def with_row(monkeypatch: pytest.MonkeyPatch, target: str, extra: str = "thing") -> ProviderFactory:
    monkeypatch.setitem(PROVIDERS, "row", Provider(target, "a row", extra))
    return ProviderFactory()


def test_the_table_comes_first_and_its_modules_are_not_imported_for_their_names() -> None:
    sys.modules.pop("unified_intelligence.adapters.llm.transformers_adapter", None)
    assert ProviderFactory().names()[: len(PROVIDERS)] == tuple(PROVIDERS)
    assert "unified_intelligence.adapters.llm.transformers_adapter" not in sys.modules


def test_an_unknown_provider_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError) as refused:
        ProviderFactory().create("ecko")
    assert refused.value.nearest == ("echo",)


def test_options_given_as_text_reach_the_adapter() -> None:
    generator = ProviderFactory().create("echo", delay="0.0")
    assert isinstance(generator, EchoAdapter)
    assert generator.generate("un  deux\n🎉").text == "un  deux\n🎉"


def test_a_missing_library_is_one_sentence_with_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "needs_a_library.py").write_text("import no_such_library.part\n")
    monkeypatch.syspath_prepend(str(tmp_path))  # pyright: ignore[reportUnknownMemberType]
    with pytest.raises(MissingDependencyError, match="row needs the library 'no_such_library'") as refused:
        with_row(monkeypatch, "needs_a_library:Adapter").options("row")
    assert refused.value.hint == "pip install 'unified-intelligence-cli[thing]'"


@pytest.mark.parametrize(
    "target", ["unified_intelligence.adapters.llm.no_such_adapter:A", "unified_intelligence.nowhere.b:A"]
)
def test_a_missing_module_of_ours_stays_a_bug(target: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ModuleNotFoundError):
        with_row(monkeypatch, target).create("row")


def test_a_library_that_is_missing_when_the_adapter_is_built_is_the_same_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "needs_it_later.py").write_text(
        PLUGIN.replace("        super", "        import no_such_library\n        super")
    )
    monkeypatch.syspath_prepend(str(tmp_path))  # pyright: ignore[reportUnknownMemberType]
    with pytest.raises(MissingDependencyError, match="no_such_library"):
        with_row(monkeypatch, "needs_it_later:Loud").create("row")


def test_an_installed_plugin_is_a_provider_like_the_others(plugin: str) -> None:
    factory = ProviderFactory()
    assert "loud" in factory.names()
    assert factory.provider("loud").summary == "plugin of loud-plugin"
    assert [option.name for option in factory.options("loud")] == ["marks"]
    loud = factory.create("loud", marks="3")
    assert vars(loud)["marks"] == 3
    assert type(loud).__module__ == plugin
    with pytest.raises(UnknownNameError, match="marks"):
        factory.create("loud", mark=1)


@pytest.mark.usefixtures("plugin")
def test_a_plugin_never_replaces_a_provider_of_the_table() -> None:
    assert type(ProviderFactory().create("echo")) is EchoAdapter
    assert ProviderFactory().names().count("echo") == 1


@pytest.mark.usefixtures("plugin")
@pytest.mark.parametrize("name", ["broken", "gone", "lost"])
def test_a_plugin_that_cannot_be_used_is_named(name: str) -> None:
    with pytest.raises(ConfigurationError, match="loud_") as refused:
        ProviderFactory().create(name)
    assert refused.value.provider == name
