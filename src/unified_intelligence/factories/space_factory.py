"""From settings to a host of Spaces, and from references to the values of secrets."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from unified_intelligence.config.environment import Environment
from unified_intelligence.config.keys import checked_key, read_key
from unified_intelligence.entities.errors import ConfigurationError, MissingDependencyError

if TYPE_CHECKING:
    from unified_intelligence.interfaces.space_host import ISpaceHost
    from unified_intelligence.interfaces.space_visitor import ISpaceVisitor
    from unified_intelligence.spaces.secret_values import SecretValues
    from unified_intelligence.spaces.spec import SpaceSpec

WHAT, EXTRA = "Deploying a Space", "deploy"
_FORMER = {"env": "_OLD", "file": ".old"}
DEPLOY_KEY, TRUSTED = "UIC_DEPLOY_KEY", "HF_OIDC_RESOURCE"


def space_host(environment: Environment) -> ISpaceHost:
    """The Hub of HF_ENDPOINT, asked with HF_TOKEN or the token of `hf auth login`. Raises MissingDependencyError.

    With HF_OIDC_RESOURCE, spaces/OWNER/NAME, the job of a trusted publisher asks for that one Space, and for no other.
    """
    try:
        from unified_intelligence.adapters.spaces.hugging_face_space_host import HUB, HuggingFaceSpaceHost
    except ModuleNotFoundError as error:
        raise MissingDependencyError(WHAT, error.name or "huggingface_hub", EXTRA) from error
    publishes = environment.get(TRUSTED).strip()
    token = "" if publishes else environment.get("HF_TOKEN").strip()
    return HuggingFaceSpaceHost(
        token=checked_key("HF_TOKEN", token) if token else None,
        endpoint=environment.get("HF_ENDPOINT").strip() or HUB,
        account=publishes.removeprefix("spaces/").partition("/")[0],
    )


def secret_values(spec: SpaceSpec, environment: Environment) -> SecretValues:
    """What the spec's references lead to here; of those that lead nowhere, why. Raises nothing."""
    from unified_intelligence.spaces.secret_values import SecretValues

    values: dict[str, str] = {}
    problems: dict[str, ConfigurationError] = {}
    for name, reference in spec.secrets.items():
        try:
            values[name] = read_key(f"The secret {name} of {spec.id}", reference, environment)
        except ConfigurationError as error:
            problems[name] = error
    return SecretValues(values, problems, environment.get(DEPLOY_KEY))


def space_visitor(host: ISpaceHost, environment: Environment) -> ISpaceVisitor:
    """Visits Spaces with the same token; keys that a spec names are read when they are sent."""
    from unified_intelligence.factories.provider_factory import ProviderFactory
    from unified_intelligence.factories.space_visitor import SpaceVisitor

    def read(reference: str) -> str:
        return read_key("The key of the Space's contract", reference, environment)

    from unified_intelligence.adapters.spaces.hugging_face_space_host import HuggingFaceSpaceHost

    token = environment.get("HF_TOKEN").strip() or None
    if token is None and isinstance(host, HuggingFaceSpaceHost):
        token = host.token()  # of `hf auth login`, or lent to a trusted publisher
    return SpaceVisitor(ProviderFactory(), read, token=token, hub=host.endpoint)


def redaction(spec: SpaceSpec, environment: Environment) -> Callable[[str], str]:
    """Takes out of a text every secret that a deployment of this spec knows.

    Of one that was rotated an app's log may still have the former value. It is hidden while it is kept beside the new
    one: of env:NAME as NAME_OLD, of file:PATH as PATH.old.
    """
    from unified_intelligence.spaces.log_tail import redactor

    known = [
        *secret_values(spec, environment).values.values(),
        environment.get("HF_TOKEN"),
        environment.get(DEPLOY_KEY),
    ]
    key = spec.contract.key if spec.contract is not None and spec.contract.kind == "openai" else None
    with suppress(ConfigurationError):
        known += [read_key("", key, environment)] if key else []
    for reference in [*spec.secrets.values(), *([key] if key else [])]:
        kind, _, place = reference.partition(":")
        with suppress(ConfigurationError):
            known += [read_key("", f"{reference}{_FORMER[kind]}", environment)] if kind in _FORMER and place else []
    return redactor(tuple(known))
