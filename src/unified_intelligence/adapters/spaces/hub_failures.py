"""What huggingface_hub raises, as one error of the tree with the remedy. The only place that knows its exceptions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypedDict, TypeVar

import httpx2
from huggingface_hub.errors import (
    HfHubHTTPError,
    HFValidationError,
    LocalTokenNotFoundError,
    OfflineModeIsEnabled,
    OIDCError,
)
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
_PUBLISHING = "The job needs the permission id-token: write, and the Space a trusted publisher: uic docs deploy"
REPLAN = "Make a new plan: uic space plan"
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Call:
    """What is asked of the Hub, as in "read acme/qwen". The words of a server are shown without `hidden`.

    They are not shown at all where the call carries secrets: a server may quote those, in any spelling.
    """

    doing: str
    endpoint: str
    hidden: tuple[str, ...] = field(default=(), repr=False)
    carries_secrets: bool = False

    def words(self, text: str) -> str:
        return "" if self.carries_secrets else visible(text, secrets=self.hidden).rstrip(".")


class _At(TypedDict):
    url: str
    status: int


def asked(work: Callable[[], Result], call: Call) -> Result:
    """What `work` returns. What the library raises becomes ours, and does not lead back to it: that is not clean."""
    try:
        return work()
    except (httpx2.HTTPError, OIDCError, OSError, RuntimeError, ValueError, KeyError, TypeError) as error:
        ours = _ours(_unwrapped(error), call)
        if ours is None:
            raise
    raise ours


def _unwrapped(error: Exception) -> BaseException:
    """An upload of large files runs in threads, and its failure comes inside of a RuntimeError."""
    return error.__cause__ if isinstance(error, RuntimeError) and error.__cause__ else error


def _ours(error: BaseException, call: Call) -> UnifiedIntelligenceError | None:
    told, doing, endpoint = call.words(str(error)), call.doing, call.endpoint
    match error:
        case OfflineModeIsEnabled() | OIDCError() | LocalTokenNotFoundError():
            return _not_sent(error, call)
        case HfHubHTTPError():
            return _refused(error, call)
        case httpx2.TimeoutException():
            which = "connect" if isinstance(error, httpx2.ConnectTimeout) else "idle"
            return TimedOutError(which, _seconds(error), hint=f"Try again; {STATUS}", url=endpoint)
        case httpx2.RequestError() | ConnectionError():
            return ConnectionFailedError(
                f"{endpoint} could not be reached to {doing}: {told or 'no answer'}.",
                hint="Check the network and the address in HF_ENDPOINT.",
                url=endpoint,
            )
        case HFValidationError():
            return ConfigurationError(f"{told or 'The Hub knows no such name'}.")
        case ValueError() | KeyError() | TypeError():
            said = f"{endpoint} answered with something that is not understood, asked to {doing}"
            hint = "Is HF_ENDPOINT the address of a Hub?"
            return ProtocolError(f"{said}: {told}." if told else f"{said}.", hint=hint, url=endpoint)
        case _:
            return None


def _seconds(error: httpx2.TimeoutException) -> float:
    limits = error.request.extensions.get("timeout", {})
    chosen = limits.get("connect" if isinstance(error, httpx2.ConnectTimeout) else "read")
    return float(chosen or 0)


def _not_sent(error: Exception, call: Call) -> UnifiedIntelligenceError:
    if isinstance(error, OfflineModeIsEnabled):
        said = f"HF_HUB_OFFLINE is set, so nothing is sent to {call.endpoint}."
        return ConfigurationError(said, hint="unset HF_HUB_OFFLINE")
    if isinstance(error, OIDCError):
        said = f"Trusted publishing gives no token to {call.doing}: {call.words(str(error))}."
        return AuthenticationError(said, hint=_PUBLISHING)
    return AuthenticationError(
        f"To {call.doing} a token of the Hub is needed, and there is none.",
        hint="export HF_TOKEN=hf_...   (a token with write access: https://huggingface.co/settings/tokens)",
        url=call.endpoint,
        status=401,
    )


def _refused(error: HfHubHTTPError, call: Call) -> UnifiedIntelligenceError:
    status, endpoint, doing = error.response.status_code, call.endpoint, call.doing
    told = call.words(error.server_message or error.response.headers.get("X-Error-Message") or "")
    said = f"The Hub refused to {doing} ({status}){f': {told}' if told else ''}."
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
