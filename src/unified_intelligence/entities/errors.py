"""Everything this package raises on purpose. Each error knows its exit code and whether another try can help.

UnifiedIntelligenceError
├── ConfigurationError            3  a setting, an option or a file is wrong; the user can mend it
│   ├── UnknownNameError          3  a provider, option, tool or key nobody knows; carries the nearest names
│   └── MissingDependencyError    3  a library of an extra is not installed
├── InvalidRequestError           2  the conversation or the call cannot be sent as it is
│   └── ContextLengthError        2  it does not fit the model's context
├── ProviderError                 6  the provider cannot be reached, or not be understood; carries its url and status
│   ├── AuthenticationError       4  the key is missing, wrong or not enough
│   ├── PaymentRequiredError      4  the account's plan does not cover it
│   ├── NotFoundOrPrivateError    3  nothing there, or not for this key
│   ├── RateLimitedError          5  too many requests; carries `retry_after`
│   ├── QuotaExceededError        5  nothing is left for now; carries `retry_after` where it is known
│   ├── ConnectionFailedError     6  no connection, or it broke before an answer began
│   │   └── TlsError              6  the certificate or the protocol is wrong: another try cannot help
│   ├── ServerBusyError           6  it says that it is overloaded, starting or restarting
│   ├── ServerFailedError         6  it broke
│   ├── ProtocolError             6  what came back is not what was agreed: HTML, no JSON, no choice
│   ├── SpaceStartingError        6  the Space sleeps, builds or starts
│   ├── SpacePausedError          6  its owner stopped it
│   ├── SpaceBrokenError          6  it does not build or run; carries its stage
│   ├── RoutesFailedError         6  none of several providers could answer; carries each one's error
│   └── TimedOutError             7  carries which timer: connect, first token, idle or total
├── DeploymentError              11  a Space is not, or would not be, what was asked for
│   ├── StalePlanError           12  somebody else changed it since the plan was made
│   ├── VerificationError        13  what was deployed does not run, or not as it must; carries which check
│   └── RollbackError            14  neither the new version nor the last good one runs
├── AnswerRefusedError            9  the provider's filter let no answer through
├── AnswerInvalidError           10  the answer is not of the form that was asked for; carries it
├── ModelError                    1  the model could not be loaded or broke while answering
│   ├── ModelNotFoundError        3  no model at that path or id
│   ├── DeviceLostError           1  the device computes nothing more in this process: it has to be started again
│   └── MalformedToolCallError    1  the model wrote a call nobody can read; carries what it wrote
├── StreamInterruptedError        8  the answer stopped before its end; carries what came
├── ToolFailedError               1  a tool the model called raised
└── TaskFailedError               1  a task of a run raised what is no error of ours; carries the task's name
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

from unified_intelligence.entities.nearest import meant, nearest, words_of


class UnifiedIntelligenceError(Exception):
    """`hint` is the next thing to do, one sentence; `code` names the kind of failure for machines.

    `partial` is the visible text that came before the failure. `elsewhere` says whether another provider may answer
    what this one cannot answer now; a mistake in the request, in a key or in a setting is told, and not gone around.
    """

    exit_code: ClassVar[int] = 1
    retryable: ClassVar[bool] = False
    elsewhere: ClassVar[bool] = False

    def __init__(self, message: str, *, hint: str = "", provider: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.provider = provider
        self.partial = ""

    @property
    def code(self) -> str:
        return code_of(type(self))


def code_of(kind: type[UnifiedIntelligenceError]) -> str:
    """The `code` of a class, such as rate_limited of RateLimitedError."""
    words = kind.__name__.removesuffix("Error")
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in words).strip("_")


class ConfigurationError(UnifiedIntelligenceError):
    exit_code = 3


class UnknownNameError(ConfigurationError):
    """`about` says of names what they are: one that speaks of what was typed is meant where none is like it."""

    def __init__(
        self,
        kind: str,
        name: str,
        known: Iterable[str],
        *,
        provider: str = "",
        hint: str = "",
        about: Mapping[str, str] | None = None,
    ) -> None:
        names = sorted(known)
        spoken_of = [each for each, words in (about or {}).items() if name.lower() in words_of(words)]
        self.nearest = nearest(name, names) or tuple(spoken_of)
        listed = meant(self.nearest) or f"Known: {', '.join(names) or 'none'}."
        super().__init__(f"There is no {kind} {name!r}. {listed}", hint=hint, provider=provider)
        self.name = name


class MissingDependencyError(ConfigurationError):
    def __init__(self, what: str, module: str, extra: str) -> None:
        super().__init__(
            f"{what} needs the library {module!r}, which is not installed.",
            hint=f"pip install 'unified-intelligence-cli[{extra}]'",
            provider=what,
        )
        self.module, self.extra = module, extra


class InvalidRequestError(UnifiedIntelligenceError):
    """`url` is the server's that refused, where one did: the message is then in its words."""

    exit_code = 2

    def __init__(self, message: str, *, hint: str = "", provider: str = "", url: str = "") -> None:
        super().__init__(message, hint=hint, provider=provider)
        self.url = url


class ContextLengthError(InvalidRequestError):
    """`length` and `longest` are None where a server refuses without saying them; `said` are its words."""

    def __init__(
        self,
        length: int | None,
        longest: int | None,
        *,
        unit: str = "tokens",
        said: str = "",
        provider: str = "",
        url: str = "",
    ) -> None:
        super().__init__(
            said or f"The conversation has {length} {unit}; the model reads at most {longest}.",
            hint="Shorten the question or the text piped in.",
            provider=provider,
            url=url,
        )
        self.length, self.longest = length, longest


class ModelError(UnifiedIntelligenceError):
    exit_code = 1
    elsewhere = True


class ModelNotFoundError(ModelError):
    exit_code = 3
    elsewhere = False


class DeviceLostError(ModelError):
    def __init__(self, reason: str) -> None:
        super().__init__(
            f"The device was lost, and computes nothing more in this process: {reason}",
            hint="Start the process again.",
        )
        self.reason = reason


class MalformedToolCallError(ModelError):
    retryable = True

    def __init__(self, written: str, *, provider: str = "") -> None:
        super().__init__(
            f"The model wrote a tool call that cannot be read: {written.strip()[:200]!r}.",
            hint="Ask again, or use a model that was trained to call tools.",
            provider=provider,
        )
        self.written = written


class ProviderError(UnifiedIntelligenceError):
    """`url` and `status` say who answered and how, where somebody did; `retry_after` is in seconds."""

    exit_code = 6
    elsewhere = True

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        provider: str = "",
        url: str = "",
        status: int | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, hint=hint, provider=provider)
        self.url, self.status, self.retry_after = url, status, retry_after


class AuthenticationError(ProviderError):
    exit_code = 4
    elsewhere = False


class PaymentRequiredError(ProviderError):
    exit_code = 4
    elsewhere = False


class NotFoundOrPrivateError(ProviderError):
    exit_code = 3
    elsewhere = False


class RateLimitedError(ProviderError):
    exit_code = 5
    retryable = True


class QuotaExceededError(ProviderError):
    exit_code = 5


class ConnectionFailedError(ProviderError):
    retryable = True


class TlsError(ConnectionFailedError):
    retryable = False


class ServerBusyError(ProviderError):
    retryable = True


class ServerFailedError(ProviderError):
    retryable = True


class ProtocolError(ProviderError):
    """`passing`: nothing of an answer came, so that asking once more may help."""

    def __init__(
        self, message: str, *, hint: str = "", url: str = "", status: int | None = None, passing: bool = False
    ) -> None:
        super().__init__(message, hint=hint, url=url, status=status)
        self.passing = passing


class SpaceStartingError(ProviderError):
    """`waited` are the seconds it was already waited for: then trying again at once is of no use."""

    retryable = True

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        url: str = "",
        status: int | None = None,
        retry_after: float | None = None,
        waited: float = 0.0,
    ) -> None:
        super().__init__(message, hint=hint, url=url, status=status, retry_after=retry_after)
        self.waited = waited


class SpacePausedError(ProviderError):
    pass


class SpaceBrokenError(ProviderError):
    def __init__(self, message: str, *, stage: str, hint: str = "", provider: str = "", url: str = "") -> None:
        super().__init__(message, hint=hint, provider=provider, url=url)
        self.stage = stage


class TimedOutError(ProviderError):
    exit_code = 7
    retryable = True

    def __init__(self, which: str, seconds: float, *, hint: str = "", provider: str = "", url: str = "") -> None:
        said = f"{url or 'The provider'} let the {which} timer of {seconds:g} s run out."
        super().__init__(said, hint=hint, provider=provider, url=url)
        self.which, self.seconds = which, seconds


class RoutesFailedError(ProviderError):
    """`errors` are the routes' own, by their names and in their order; `retry_after` is that of the soonest."""

    retryable = True

    def __init__(
        self,
        errors: Sequence[tuple[str, UnifiedIntelligenceError]],
        *,
        hint: str = "",
        provider: str = "",
        retry_after: float | None = None,
    ) -> None:
        said = " ".join(f"{name}: {error.message.rstrip('.')}." for name, error in errors)
        super().__init__(
            f"None of the routes can answer now. {said}", hint=hint, provider=provider, retry_after=retry_after
        )
        self.errors = tuple(errors)


class DeploymentError(UnifiedIntelligenceError):
    exit_code = 11


class StalePlanError(DeploymentError):
    exit_code = 12
    retryable = True


class VerificationError(DeploymentError):
    """`check` is the one that failed: runtime, version, contract, smoke or watch; `log_tail` what the Space said last.

    `report` is what was found up to then, for whoever writes it down.
    """

    exit_code = 13

    def __init__(
        self, check: str, message: str, *, hint: str = "", log_tail: tuple[str, ...] = (), report: object = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.check, self.log_tail, self.report = check, log_tail, report


class RollbackError(DeploymentError):
    exit_code = 14


class AnswerRefusedError(UnifiedIntelligenceError):
    exit_code = 9


class AnswerInvalidError(UnifiedIntelligenceError):
    exit_code = 10

    def __init__(self, message: str, *, answer: str = "", hint: str = "", provider: str = "") -> None:
        super().__init__(message, hint=hint, provider=provider)
        self.answer = answer


class StreamInterruptedError(UnifiedIntelligenceError):
    exit_code = 8
    retryable = True
    elsewhere = True

    def __init__(self, message: str, *, partial: str = "", hint: str = "", provider: str = "") -> None:
        super().__init__(message, hint=hint, provider=provider)
        self.partial = partial


class ToolFailedError(UnifiedIntelligenceError):
    exit_code = 1


class TaskFailedError(UnifiedIntelligenceError):
    exit_code = 1

    def __init__(self, task: str, said: str, *, hint: str = "") -> None:
        super().__init__(f"Task {task} failed: {said}", hint=hint)
        self.task = task
