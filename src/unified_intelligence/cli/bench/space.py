"""`uic bench run` of a Gradio Space: what its provider would send, sent at the socket by the benchmark's client."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from unified_intelligence.benchmark.spoken import queued_target, reach_space
from unified_intelligence.cli.bench.loads import whole, wrong
from unified_intelligence.entities.errors import AuthenticationError, InvalidRequestError, NotFoundOrPrivateError
from unified_intelligence.entities.generation import GenerationConfig
from unified_intelligence.factories.provider_factory import ProviderFactory

if TYPE_CHECKING:
    from unified_intelligence.benchmark.plan import Prompt, Target
    from unified_intelligence.benchmark.session import Reached
    from unified_intelligence.interfaces.queued import IQueued

PROVIDER = "qwen3_zerogpu"


class AtSpace(NamedTuple):
    """Where a Space's calls go, who answered, what is sent, what it is called, what the Hub says of the quota."""

    target: Target
    reached: Reached
    bodies: list[str]
    model: str
    quota: str


def space_at(url: str, key: str, given: Mapping[str, Any], prompts: Sequence[Prompt]) -> AtSpace:
    """Of an address. Raises what looking at the Space raises."""
    options: dict[str, Any] = {"base_url": url, "cache": "", "retries": 0, **({"token": key} if key else {})}
    provider: Any = ProviderFactory().create(PROVIDER, **options)
    try:
        return space_of(provider, given, prompts)
    except (AuthenticationError, NotFoundOrPrivateError) as error:
        error.hint = "Is there a Gradio app? One that is private needs a token of the Hub: --key env:HF_TOKEN"
        raise
    finally:
        provider.close()


def space_of(provider: IQueued, given: Mapping[str, Any], prompts: Sequence[Prompt]) -> AtSpace:
    """Of a provider. Raises what looking at the Space raises, InvalidRequestError for what it cannot be asked."""
    import asyncio

    config = _config(given)
    asked: list[tuple[Any, GenerationConfig]] = [
        (own.messages, replace(config, max_tokens=own.max_tokens or config.max_tokens)) for own in prompts
    ]
    calls = asyncio.run(provider.aqueued(asked))
    target = queued_target(calls)
    reached = reach_space(target, calls)
    model = given["model"] or calls.told.get("model") or target.host
    return AtSpace(target, reached, [body.decode() for body in calls.bodies], str(model), calls.told.get("quota", ""))


def _config(given: Mapping[str, Any]) -> GenerationConfig:
    """What is asked for besides the question: --max-tokens, and of --body what GenerationConfig has."""
    from unified_intelligence.cli.bench.run import body_given

    extra = body_given(given["body"])
    plain = {own.name for own in fields(GenerationConfig)}
    for name, value in extra.items():
        if name not in plain or isinstance(value, list | dict):
            raise InvalidRequestError(
                f"--body: a Space is not asked for {name!r} here.", hint='Such as {"temperature": 0, "seed": 7}.'
            )
    try:
        fields_given: dict[str, Any] = {"max_tokens": whole(given, "max_tokens", 0, least=1) or None, **extra}
        return GenerationConfig(**fields_given)
    except TypeError:
        wrong("body", 'a JSON object, as {"temperature": 0}', str(given["body"]))
