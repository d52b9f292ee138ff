"""`uic providers check`: whether who answers for a provider is there, and what he says of himself."""

from __future__ import annotations

from unified_intelligence.cli.flags import Given
from unified_intelligence.cli.output import Output
from unified_intelligence.cli.provider_options import choose
from unified_intelligence.cli.table import aligned
from unified_intelligence.config.resolve import Settings
from unified_intelligence.entities.errors import ConfigurationError
from unified_intelligence.entities.generation import GenerationConfig
from unified_intelligence.interfaces.checkable import ICheckable
from unified_intelligence.interfaces.text_generator import ITextGenerator

_QUESTION, _LONGEST = "What is 15 % of 240?", 64


def check(settings: Settings, given: Given, output: Output, *, ask: bool, as_json: bool) -> int:
    """Asks a question only with `ask`. Raises ConfigurationError for a provider that has nobody to look for."""
    import asyncio

    name, generator, _ = choose(settings, given, output)
    try:
        if not isinstance(generator, ICheckable) and not ask:
            raise ConfigurationError(
                f"The provider {name} cannot be checked without a question.",
                hint=f"Ask it one: uic providers check {name} --ask",
                provider=name,
            )
        told = asyncio.run(_told(generator, ask=ask))
    finally:
        generator.close()
    if as_json:
        output.json({"provider": name, **told}, indented=True)
    else:
        output.line(aligned([(what, value) for what, value in told.items()]))
    return 0


async def _told(generator: ITextGenerator, *, ask: bool) -> dict[str, str]:
    told = dict(await generator.acheck()) if isinstance(generator, ICheckable) else {}
    if ask:
        answer = await generator.agenerate(_QUESTION, GenerationConfig(max_tokens=_LONGEST))
        said = " ".join((answer.text or answer.reasoning).split())
        told["question"], told["answer"] = _QUESTION, said if len(said) <= _LONGEST else f"{said[: _LONGEST - 1]}…"
        if answer.model:
            told["answered by"] = answer.model
        if answer.timings is not None:
            told["first piece"] = f"{answer.timings.first_event * 1000:.0f} ms"
            told["whole answer"] = f"{answer.timings.total * 1000:.0f} ms"
    return told
