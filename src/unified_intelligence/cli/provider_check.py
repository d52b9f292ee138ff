"""`uic providers check`: whether who answers for a provider is there, and what he says of himself."""

from __future__ import annotations

from unified_intelligence.cli.flags import Given
from unified_intelligence.cli.output import Output
from unified_intelligence.cli.provider_options import choose
from unified_intelligence.cli.table import aligned
from unified_intelligence.config.resolve import Settings
from unified_intelligence.entities.errors import ConfigurationError
from unified_intelligence.interfaces.checkable import ICheckable


def check(settings: Settings, given: Given, output: Output, *, as_json: bool) -> int:
    """Asks no question. Raises ConfigurationError for a provider that has nobody to look for."""
    import asyncio

    name, generator, _ = choose(settings, given, output)
    try:
        if not isinstance(generator, ICheckable):
            raise ConfigurationError(
                f"The provider {name} cannot be checked without a question.",
                hint=f'Ask one: uic --provider {name} --query "What is 15 % of 240?"',
                provider=name,
            )
        told = asyncio.run(generator.acheck())
    finally:
        generator.close()
    if as_json:
        output.json({"provider": name, **told}, indented=True)
    else:
        output.line(aligned([(what, value) for what, value in told.items()]))
    return 0
