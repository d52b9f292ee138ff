"""What a Gradio app offers: its version, where its API is, its endpoints and their parameters. Nothing is sent here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import msgspec

from unified_intelligence.adapters.wire.failures import UNREADABLE, refuse_page, visible
from unified_intelligence.adapters.wire.gradio_conversation import Shape
from unified_intelligence.adapters.wire.gradio_failures import no_such_answer

_LONGEST = 60


class Parameter(msgspec.Struct, frozen=True):
    name: str = msgspec.field(default="", name="parameter_name")
    has_default: bool = msgspec.field(default=False, name="parameter_has_default")
    default: Any = msgspec.field(default=None, name="parameter_default")


class Offer(msgspec.Struct, frozen=True):
    """`prefix` stands before the API's paths; `shape` is that of the conversation which /respond takes.

    `numbers` are those by which Gradio knows the endpoints' functions, where it tells them.
    """

    version: str
    prefix: str
    endpoints: dict[str, tuple[Parameter, ...]]
    shape: Shape
    numbers: dict[str, int] = msgspec.field(default_factory=dict[str, int])

    @property
    def named_calls(self) -> bool:
        """Whether arguments may be sent by their names."""
        major = self.version.partition(".")[0]
        return major.isdigit() and int(major) >= 6


class _Dependency(msgspec.Struct):
    id: int | None = None
    api_name: str | bool | None = None
    inputs: list[Any] = msgspec.field(default_factory=list[Any])


class _Component(msgspec.Struct):
    id: int = -1
    type: str = ""
    props: dict[str, Any] = msgspec.field(default_factory=dict[str, Any])


class Config(msgspec.Struct):
    """Gradio's /config, as far as it is of use."""

    version: str = ""
    api_prefix: str = ""
    dependencies: list[_Dependency] = msgspec.field(default_factory=list[_Dependency])
    components: list[_Component] = msgspec.field(default_factory=list[_Component])


class _Endpoint(msgspec.Struct):
    parameters: tuple[Parameter, ...] = ()


class _Info(msgspec.Struct):
    named_endpoints: dict[str, _Endpoint]


def read_config(body: bytes, url: str, secrets: tuple[str, ...] = ()) -> Config:
    """Raises ProtocolError for what is no configuration of Gradio, the error of a page that came instead."""
    refuse_page(url, body, secrets)
    try:
        config = msgspec.json.decode(body, type=Config)
    except UNREADABLE as error:
        raise no_such_answer(url, "did not answer with Gradio's configuration.") from error
    if not config.version:
        raise no_such_answer(url, "did not answer with Gradio's configuration.")
    return config


def read_offer(config: Config, body: bytes, url: str, secrets: tuple[str, ...] = ()) -> Offer:
    """The offer of a configuration and of what /info says. Raises what `read_config` raises."""
    refuse_page(url, body, secrets)
    try:
        info = msgspec.json.decode(body, type=_Info)
    except UNREADABLE as error:
        raise no_such_answer(url, "did not list the endpoints of a Gradio app.") from error
    endpoints = {name.strip("/"): endpoint.parameters for name, endpoint in info.named_endpoints.items()}
    numbers = {
        one.api_name.strip("/"): one.id
        for one in config.dependencies
        if isinstance(one.api_name, str) and one.id is not None
    }
    return Offer(visible(config.version, 40), config.api_prefix.rstrip("/"), endpoints, _shape(config), numbers)


def offered(offer: Offer) -> str:
    """Its endpoints in words."""
    names = sorted(offer.endpoints)
    return ", ".join(visible(f"/{name}", _LONGEST) for name in names[:12]) or "nothing"


def facts(answers: Sequence[object]) -> dict[str, str]:
    """What /version tells, as texts; nothing where it is no object."""
    first = answers[0] if answers else None
    told = cast("Mapping[str, object]", first) if isinstance(first, Mapping) else dict[str, object]()
    return {visible(name, 40): visible(str(value), 200) for name, value in told.items() if value is not None}


def _shape(config: Config) -> Shape:
    if config.version.partition(".")[0] not in {"3", "4", "5"}:
        return "parts"
    chatbots = {one.id: one.props.get("type") for one in config.components if one.type == "chatbot"}
    taken = next((one.inputs for one in config.dependencies if one.api_name in {"respond", "/respond"}), list[Any]())
    kind = next((chatbots[one] for one in taken if one in chatbots), next(iter(chatbots.values()), None))
    return "messages" if kind == "messages" else "pairs"
