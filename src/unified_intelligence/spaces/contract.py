"""Whether an app is the one that was deployed, and offers what its spec says: asked of the app itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from unified_intelligence.entities.errors import VerificationError
from unified_intelligence.interfaces.space_visitor import ISpaceVisitor
from unified_intelligence.spaces.spec import Contract, GradioContract, OpenAiContract


async def running_digest(visitor: ISpaceVisitor, url: str, contract: Contract) -> str:
    """The digest of the files that run, as the app computes it. Raises ProviderError, and VerificationError."""
    if isinstance(contract, GradioContract):
        answer = await visitor.read(f"{url}/gradio_api/run/{contract.version.lstrip('/')}", {"data": []})
        listed = _mapping(answer).get("data")
        told = _mapping(cast("list[object]", listed)[0] if isinstance(listed, list) and listed else None)
    else:
        told = _mapping(await visitor.read(f"{url}{contract.version}", key=contract.key))
    digest = _mapping(told.get("deployment")).get("content_digest", told.get("content_digest"))
    if not isinstance(digest, str):
        raise VerificationError(
            "version",
            f"{url} does not tell which files it runs.",
            hint="Its version endpoint should tell content_digest, the digest of the files beside deployment.json.",
        )
    return digest


async def check_contract(visitor: ISpaceVisitor, url: str, contract: Contract) -> str:
    """What it offers, in a line. Raises VerificationError for what is missing, and ProviderError."""
    if isinstance(contract, GradioContract):
        return _check_gradio(_mapping(await visitor.read(f"{url}/gradio_api/info")), url, contract)
    listed = _mapping(await visitor.read(f"{url}/v1/models", key=contract.key)).get("data")
    entries = cast("list[object]", listed) if isinstance(listed, list) else []
    described = _mapping(await visitor.read(f"{url}/openapi.json", key=contract.key))
    return _check_openai([str(_mapping(entry).get("id")) for entry in entries], described, url, contract)


def _check_gradio(info: Mapping[str, Any], url: str, contract: GradioContract) -> str:
    offered = _mapping(info.get("named_endpoints"))
    for name, parameters in contract.endpoints.items():
        endpoint = offered.get(f"/{name.lstrip('/')}")
        if endpoint is None:
            raise _lacks(url, f"no endpoint /{name.lstrip('/')}", sorted(offered))
        described = cast("list[object]", _mapping(endpoint).get("parameters") or [])
        known = [str(_mapping(one).get("parameter_name")) for one in described]
        missing = [one for one in parameters if one not in known]
        if missing:
            raise _lacks(url, f"an endpoint /{name.lstrip('/')} without {', '.join(missing)}", known)
    return f"offers {', '.join(sorted(contract.endpoints)) or 'nothing that must be there'}"


def _check_openai(models: list[str], described: Mapping[str, Any], url: str, contract: OpenAiContract) -> str:
    for model in contract.models:
        if model not in models:
            raise _lacks(url, f"no model {model}", models)
    paths = _mapping(described.get("paths"))
    for path in contract.endpoints:
        if path not in paths:
            raise _lacks(url, f"no {path}", sorted(paths))
    return f"offers {', '.join(contract.models)} at {', '.join(contract.endpoints)}"


def _lacks(url: str, what: str, offered: list[str]) -> VerificationError:
    return VerificationError(
        "contract", f"{url} has {what}. It offers: {', '.join(offered) or 'nothing'}.", hint="Mend the app or its spec."
    )


def _mapping(value: object) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}
