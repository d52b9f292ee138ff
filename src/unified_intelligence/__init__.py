"""One interface to the models a team runs itself, wherever they run.

    from unified_intelligence import ProviderFactory
    print(ProviderFactory().create("embedded").generate("What is 15 % of 240?"))

Names are resolved on first use, so that importing the package costs nothing.
"""

from importlib import import_module

TYPE_CHECKING = False  # importing typing takes as long as starting Python
if TYPE_CHECKING:
    from unified_intelligence.entities.errors import UnifiedIntelligenceError as UnifiedIntelligenceError
    from unified_intelligence.entities.generation import Generation as Generation
    from unified_intelligence.entities.generation import GenerationConfig as GenerationConfig
    from unified_intelligence.entities.message import Message as Message
    from unified_intelligence.entities.tools import ToolCall as ToolCall
    from unified_intelligence.entities.tools import ToolSpec as ToolSpec
    from unified_intelligence.factories.configured import configured_provider as configured_provider
    from unified_intelligence.factories.provider_factory import ProviderFactory as ProviderFactory
    from unified_intelligence.interfaces.provider_factory import IProviderFactory as IProviderFactory
    from unified_intelligence.interfaces.text_generator import InProcessTextGenerator as InProcessTextGenerator
    from unified_intelligence.interfaces.text_generator import ITextGenerator as ITextGenerator
    from unified_intelligence.tools.loop import run_with_tools as run_with_tools
    from unified_intelligence.tools.registry import Tool as Tool
    from unified_intelligence.tools.registry import tool_from as tool_from

__version__ = "0.1.0"

_HOMES = {
    "Generation": "entities.generation",
    "GenerationConfig": "entities.generation",
    "IProviderFactory": "interfaces.provider_factory",
    "ITextGenerator": "interfaces.text_generator",
    "InProcessTextGenerator": "interfaces.text_generator",
    "Message": "entities.message",
    "ProviderFactory": "factories.provider_factory",
    "Tool": "tools.registry",
    "ToolCall": "entities.tools",
    "ToolSpec": "entities.tools",
    "UnifiedIntelligenceError": "entities.errors",
    "configured_provider": "factories.configured",
    "run_with_tools": "tools.loop",
    "tool_from": "tools.registry",
}

__all__ = ["__version__", *_HOMES]  # noqa: PLE0604  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{home}"), name)
