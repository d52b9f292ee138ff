"""`uic completion`: a script for bash that completes commands, flags, their choices and the names of providers.

It is written once and starts no program afterwards: a Tab costs nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import typer
from typer.core import TyperCommand, TyperOption

from unified_intelligence.cli.command import LightCommand, LightGroup, new_app
from unified_intelligence.cli.flags import File
from unified_intelligence.cli.output import Output

if TYPE_CHECKING:
    from typer._click.core import Command  # pyright: ignore[reportPrivateUsage]

app = new_app()

_HARMLESS = re.compile(r"[\w.-]+", re.ASCII)  # the shell runs the script, and a row's name is a file's
_HELP = ("--help", "-h")
_SCRIPT = """\
_uic_words() {{
  case "$1" in
{words}
  esac
}}
_uic_values() {{
  case "$1 $2" in
{values}
  esac
}}
_uic_complete() {{
  local at="uic" word found index cur="${{COMP_WORDS[COMP_CWORD]}}"
  for ((index = 1; index < COMP_CWORD; index++)); do
    word="$at ${{COMP_WORDS[index]}}"
    [ -n "$(_uic_words "$word")" ] && at="$word"
  done
  found="$(_uic_values "$at" "${{COMP_WORDS[COMP_CWORD - 1]}}")"
  case "$found" in
    "") found="$(_uic_words "$at")" ;;
    -) return ;;
  esac
  COMPREPLY=($(compgen -W "$found" -- "$cur"))
}}
complete -o default -F _uic_complete uic
"""


@app.command(cls=LightCommand)
def completion(context: typer.Context, config: File = None) -> int:
    """Print a script for bash. In ~/.bashrc: eval "$(uic completion)"."""
    from unified_intelligence.factories.configured import factory_of, read_settings

    output: Output = context.obj
    names = factory_of(read_settings({}, output.environment, config or ""), output.environment).names()
    providers = tuple(name for name in names if _HARMLESS.fullmatch(name))
    tree = dict(_tree(context))
    words = [(path, " ".join(_words(tree, path, providers))) for path in tree]
    values = [row for path, command in tree.items() for row in _values(command, path, providers)]
    output.line(
        _SCRIPT.format(
            words="\n".join(f"    '{path}') echo '{found}' ;;" for path, found in words),
            values="\n".join(f"    {pattern}) echo '{found}' ;;" for pattern, found in values),
        ).rstrip()
    )
    return 0


def _tree(context: typer.Context) -> Iterator[tuple[str, Command]]:
    """Every command by its path, such as `uic bench run`. `uic` alone has the flags of `uic ask`."""
    root = context.parent.command if context.parent else None
    if not isinstance(root, LightGroup) or context.parent is None:
        return
    for name in root.list_commands(context.parent):
        command = root.get_command(context.parent, name)
        if command is None:
            continue
        yield f"uic {name}", command
        if isinstance(command, LightGroup):
            found = ((under, command.get_command(context, under)) for under in command.list_commands(context))
            yield from ((f"uic {name} {under}", each) for under, each in found if each is not None)
        if name == "ask":
            yield "uic", command


def _words(tree: Mapping[str, Command], path: str, providers: tuple[str, ...]) -> Iterator[str]:
    """What may stand after a path where no flag waits for its value."""
    yield from (under.rpartition(" ")[2] for under in tree if under.rpartition(" ")[0] == path)
    if path == "uic providers":
        yield from ("check", *providers)
    for option in _options(tree[path]):
        yield from (*option.opts, *option.secondary_opts)
    yield from _HELP


def _values(command: Command, path: str, providers: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """A pattern of bash for each flag that waits for a value, and what that may be; - leaves it to bash's own."""
    from unified_intelligence.tools.registry import group_names

    known: Mapping[str, tuple[str, ...]] = {"--provider": providers, "--tools": tuple(group_names())}
    for option in _options(command):
        if not option.metavar:
            continue
        choices = tuple(option.metavar.split("|")) if option.metavar.islower() and "|" in option.metavar else ("-",)
        found = next((known[flag] for flag in option.opts if flag in known), choices)
        yield "|".join(f"'{path} {flag}'" for flag in option.opts), " ".join(found)


def _options(command: Command) -> list[TyperOption]:
    return (
        [each for each in command.params if isinstance(each, TyperOption)] if isinstance(command, TyperCommand) else []
    )
