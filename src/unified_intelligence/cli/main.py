"""The commands, and how every failure becomes a sentence and an exit code. Each command is in a module of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from unified_intelligence.cli.output import Output, OutputClosedError, forget_stdout
from unified_intelligence.config.environment import Environment, start_blas_with_one_thread
from unified_intelligence.entities.errors import UnifiedIntelligenceError
from unified_intelligence.entities.nearest import meant, nearest

if TYPE_CHECKING:
    from typer.exceptions import TyperException

INTERNAL, USAGE, INTERRUPTED, UNFINISHED, CLOSED = 1, 2, 130, 143, OutputClosedError.exit_code
CODES: Mapping[int, str] = {INTERNAL: "internal", USAGE: "usage", INTERRUPTED: "interrupted"}
EXIT_CODES: Mapping[int, str] = {
    0: "the answer is complete",
    INTERNAL: "something broke: the model, a tool, the disk, or this program",
    USAGE: "the command cannot be carried out as it was typed",
    3: "a setting, a name or a file is wrong, or a library is missing",
    4: "the key is missing, wrong or not enough",
    5: "too many requests, or the quota is used up",
    6: "the provider cannot be reached, is broken, or answers what cannot be understood",
    7: "the provider took too long",
    8: "the answer is incomplete: cut off, or at its limit with `--strict`",
    9: "the provider's filter let no answer through",
    10: "the answer is not of the form that was asked for",
    11: "a Space is not, or would not be, what was asked for",
    12: "somebody else changed the Space since the plan was made: plan again",
    13: "what was deployed does not run, or not as it must; rolled back where the spec says so",
    14: "neither the new version of a Space nor the last good one runs: somebody must look",
    15: "no failure: `uic space plan` found changes, or `uic space status` something that drifted",
    INTERRUPTED: "stopped with Ctrl-C; what had come is on stdout",
    UNFINISHED: "`uic serve` was stopped before its last answers were complete",
    CLOSED: "nobody reads stdout any more, as in `uic ... | head`",
}


def run(arguments: Sequence[str]) -> int:
    """Run the command line. Returns the exit code; the only catch-all of the program is here."""
    start_blas_with_one_thread()
    output = Output(Environment.of_process())
    output.machine = _machine_format(arguments) or output.environment.machine_format
    try:
        return _run(list(arguments), output)
    except (OutputClosedError, BrokenPipeError):
        forget_stdout()
        return CLOSED
    except KeyboardInterrupt:
        _fail(output, CODES[INTERRUPTED], INTERRUPTED, "Interrupted.", "")
        return INTERRUPTED
    except Exception as error:
        if output.environment.debug:
            raise
        return _unexpected(error, output)


_CARRIED = ("partial", "url", "status", "retry_after")


def _run(arguments: list[str], output: Output) -> int:
    from typer import Exit
    from typer.exceptions import TyperException

    from unified_intelligence.cli.group import COMMANDS

    try:
        return _dispatch(arguments, output)
    except Exit as error:
        return error.exit_code
    except TyperException as error:
        named = bool(arguments) and arguments[0] in COMMANDS
        _fail(output, CODES[USAGE], USAGE, _usage(error), f"See: {_command_of(error) if named else 'uic'} --help")
        return USAGE
    except UnifiedIntelligenceError as error:
        extra = {name: value for name in _CARRIED if (value := getattr(error, name, None)) not in {None, ""}}
        _fail(output, error.code, error.exit_code, error.message, error.hint, error.provider, extra)
        return error.exit_code


def _usage(error: TyperException) -> str:
    """In the words of the other errors: a misspelt flag is answered with the nearest ones."""
    from typer._click.exceptions import NoSuchOption  # pyright: ignore[reportPrivateUsage] it has no public name

    if not isinstance(error, NoSuchOption):
        return error.format_message()
    near = meant(nearest(error.option_name, error.possibilities or (), least=0.65))
    return f"There is no option {error.option_name}. {near}".strip()


def _command_of(error: TyperException) -> str:
    """Such as `uic bench run`."""
    from typer._click.exceptions import UsageError  # pyright: ignore[reportPrivateUsage] it has no public name

    return error.ctx.command_path if isinstance(error, UsageError) and error.ctx else "uic"


def _dispatch(arguments: list[str], output: Output) -> int:
    from unified_intelligence.cli.group import new_group

    group = new_group()
    with group.make_context("uic", arguments, obj=output) as context:
        code = group.invoke(context)
    return code if isinstance(code, int) else 0


def _unexpected(error: Exception, output: Output) -> int:
    """A bug, ours or a plugin's, or a disk that is full."""
    if isinstance(error, OSError) and error.strerror:
        what, hint = f"{error.strerror}{f': {error.filename}' if error.filename else ''}.", ""
        forget_stdout()
    else:
        what = f"Something went wrong that should not have: {type(error).__name__}: {error}"
        hint = "UIC_DEBUG=1 shows where."
    _fail(output, CODES[INTERNAL], INTERNAL, what, hint)
    return INTERNAL


def _fail(
    output: Output,
    code: str,
    exit_code: int,
    message: str,
    hint: str,
    provider: str = "",
    extra: Mapping[str, object] | None = None,
) -> None:
    output.fail(message, hint, {"code": code, "exit": exit_code, "provider": provider, **(extra or {})})


def _machine_format(arguments: Sequence[str]) -> str:
    """The format asked for, as far as it can be seen before the arguments are understood: for errors in them."""
    pairs = [
        *pairwise(arguments),
        *(tuple(item.split("=", 1)) for item in arguments if "=" in item),
    ]
    chosen = [value for name, value in pairs if name == "--format" and value in {"json", "jsonl"}]
    if chosen:
        return chosen[-1]
    return "json" if "--json" in arguments else ""
