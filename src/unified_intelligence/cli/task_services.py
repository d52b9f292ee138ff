"""What tasks are handed besides their parameters: made here, of what the user set, when a run needs it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from unified_intelligence.config.environment import Environment
from unified_intelligence.interfaces.provider_factory import IProviderFactory


def services_of(environment: Environment) -> Mapping[type, Callable[[], object]]:
    """By type. Nothing is made before a run asks for it."""

    def providers() -> object:
        from unified_intelligence.factories.configured import factory_of, read_settings

        return factory_of(read_settings({}, environment, ""), environment)

    return {IProviderFactory: providers}
