"""What huggingface_hub raises, as one error of the tree with the remedy. The only place that knows its exceptions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypedDict, TypeVar

import httpx2
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalTokenNotFoundError, OfflineModeIsEnabled
from huggingface_hub.utils import parse_ratelimit_headers

from unified_intelligence.adapters.wire.failures import visible
from unified_intelligence.entities.errors import (
    AuthenticationError,
    ConfigurationError,
    ConnectionFailedError,
    InvalidRequestError,
    NotFoundOrPrivateError,
    PaymentRequiredError,
    ProtocolError,
    ProviderError,
    RateLimitedError,
    ServerBusyError,
    ServerFailedError,
    StalePlanError,
    TimedOutError,
    UnifiedIntelligenceError,
)

STATUS = "https://status.huggingface.co tells whether it is known."
REPLAN = "Make a new plan: uic space plan"
Result = TypeVar("Result")


class _At(TypedDict):
    url: str
    status: int


def asked(work: Callable[[], Result], doing: str, endpoint: str, secrets: Iterable[str] = ()) -> Result:
    """What `work` returns. What the library raises becomes ours; `doing` says what for, as in "read acme/qwen"."""
    try:
        return _unwrapped(work)
    except OfflineModeIsEnabled:
        raise ConfigurationError(
            f"HF_HUB_OFFLINE is set, so nothing is sent to {endpoint}.", hint="unset HF_HUB_OFFLINE"
        ) from None
    except LocalTokenNotFoundError:
        raise _no_token(doing, endpoint) from None
    except HfHubHTTPError as error:
        raise _refused(error, doing, endpoint, tuple(secrets)) from None
    except httpx2.TimeoutException as error:
        which = "connect" if isinstance(error, httpx2.ConnectTimeout) else "idle"
        raise TimedOutError(which, _seconds(error), hint=f"Try again; {STATUS}", url=endpoint) from None
    except (httpx2.TransportError, ConnectionError) as error:
        raise ConnectionFailedError(
            f"{endpoint} could not be reached to {doing}: {visible(str(error), secrets=secrets) or 'no answer'}.",
            hint="Check the network and the address in HF_ENDPOINT.",
            url=endpoint,
        ) from None
    except HFValidationError as error:
        raise ConfigurationError(visible(str(error), secrets=secrets)) from None
    except (ValueError, KeyError, TypeError) as error:
        raise ProtocolError(
            f"{endpoint} answered with something that is not understood, asked to {doing}: "
            f"{visible(str(error), secrets=secrets)}.",
            hint="Is HF_ENDPOINT the address of a Hub?",
            url=endpoint,
        ) from None


def _unwrapped(work: Callable[[], Result]) -> Result:
    """An upload of large files runs in threads, and its failure comes inside of a RuntimeError."""
    try:
        return work()
    except RuntimeError as error:
        if isinstance(error.__cause__, HfHubHTTPError | httpx2.TransportError):
            raise error.__cause__ from None
        raise


def _seconds(error: httpx2.TimeoutException) -> float:
    limits = error.request.extensions.get("timeout", {})
    chosen = limits.get("connect" if isinstance(error, httpx2.ConnectTimeout) else "read")
    return float(chosen or 0)


def _no_token(doing: str, endpoint: str) -> AuthenticationError:
    return AuthenticationError(
        f"To {doing} a token of the Hub is needed, and there is none.",
        hint="export HF_TOKEN=hf_...   (a token with write access: https://huggingface.co/settings/tokens)",
        url=endpoint,
        status=401,
    )


def _refused(error: HfHubHTTPError, doing: str, endpoint: str, secrets: tuple[str, ...]) -> UnifiedIntelligenceError:
    status = error.response.status_code
    told = visible(error.server_message or error.response.headers.get("X-Error-Message") or "", secrets=secrets)
    said = f"The Hub refused to {doing} ({status})" + (f": {told.rstrip('.')}." if told else ".")
    at: _At = {"url": endpoint, "status": status}
    if error.response.headers.get("X-Error-Code") in {"RepoNotFound", "RevisionNotFound", "EntryNotFound"}:
        return NotFoundOrPrivateError(
            f"The Hub has nothing there, or not for this token, to {doing}.",
            hint="Check the Space's name, and that HF_TOKEN may read it.", **at,
        )  # fmt: skip
    if status in {409, 412}:
        return StalePlanError(said, hint=REPLAN)
    if status in _REMEDIES:
        kind, hint = _REMEDIES[status]
        return kind(said, hint=hint, **at)
    if status == 429:
        limit = parse_ratelimit_headers(error.response.headers)
        wait = float(limit.reset_in_seconds) if limit else _retry_after(error)
        hint = f"Try again in {wait:.0f} s." if wait is not None else "Try again in five minutes: that is its window."
        return RateLimitedError(said, hint=hint, retry_after=wait, **at)
    if status in {502, 503, 504}:
        return ServerBusyError(said, hint=f"Try again; {STATUS}", **at)
    if status >= 500:
        return ServerFailedError(said, hint=f"Try again; {STATUS}", **at)
    return InvalidRequestError(said, url=endpoint)


def _retry_after(error: HfHubHTTPError) -> float | None:
    told = error.response.headers.get("Retry-After", "")
    return float(told) if told.isascii() and told.isdigit() else None


_REMEDIES: Mapping[int, tuple[type[ProviderError], str]] = {
    401: (
        AuthenticationError,
        "Check HF_TOKEN: it is missing, wrong or expired. https://huggingface.co/settings/tokens",
    ),
    402: (
        PaymentRequiredError,
        "The account's plan does not cover this: take PRO or Team, add a payment method, or ask for free hardware.",
    ),
    403: (
        AuthenticationError,
        "The token may not do this. It needs write access to this Space: https://huggingface.co/settings/tokens",
    ),
    404: (NotFoundOrPrivateError, "Check the Space's name, and that HF_TOKEN may read it."),
}
