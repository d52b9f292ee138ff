"""Fills in what docs say about the code, from the code: `python -m unified_intelligence.cli.documentation [--check]`.

A document has places `<!-- generated: NAME -->` ... `<!-- end -->`; config.json is written whole.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from typer import Typer
from typer.core import TyperGroup, TyperOption
from typer.main import get_command

from unified_intelligence.cli import ask, serve
from unified_intelligence.cli.evaluation import commands
from unified_intelligence.cli.group import COMMANDS
from unified_intelligence.cli.main import CODES, EXIT_CODES
from unified_intelligence.cli.output import write_stderr
from unified_intelligence.config.settings import (
    OTHER_ENVIRONMENT,
    PROVIDERS_DESCRIPTION,
    PROVIDERS_KEY,
    SETTINGS,
    Setting,
)
from unified_intelligence.entities.errors import UnifiedIntelligenceError
from unified_intelligence.evaluation.suites import SUITES
from unified_intelligence.factories.provider_factory import PROVIDERS
from unified_intelligence.figures.markdown import table
from unified_intelligence.tools.registry import group, group_names

DOCUMENTS = (
    "README.md",
    "docs/cli.md",
    "docs/configuration.md",
    "docs/deploy.md",
    "docs/evaluation.md",
    "docs/serving.md",
)
CONFIG = "config.json"
_PLACE = re.compile(r"(<!-- generated: ([\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def generated(root: Path) -> dict[Path, str]:
    """What each file should hold."""
    texts = {root / name: _filled((root / name).read_text("utf-8")) for name in DOCUMENTS}
    return {**texts, root / CONFIG: default_config()}


def default_config() -> str:
    """config.json with every key at its default."""
    values = {setting.name: setting.default for setting in SETTINGS}
    return json.dumps({"$comment": "docs/configuration.md", **values, PROVIDERS_KEY: {}}, indent=2) + "\n"


def main(arguments: Sequence[str]) -> int:
    """The exit code: with `--check` 1 if a file is not what it should be, and nothing is written."""
    old = {
        path: text
        for path, text in generated(Path.cwd()).items()
        if not path.is_file() or path.read_text("utf-8") != text
    }
    for path, text in old.items():
        if "--check" not in arguments:
            path.write_text(text, "utf-8")
        write_stderr(f"{'out of date' if '--check' in arguments else 'written'}: {path}\n")
    return 1 if old and "--check" in arguments else 0


def _filled(document: str) -> str:
    return _PLACE.sub(lambda place: f"{place[1]}{table(*_TABLES[place[2]]())}\n{place[3]}", document)


Table = tuple[Sequence[str], Sequence[Sequence[str]]]


def _settings() -> Table:
    rows = [(f"`{s.name}`", f"`{s.environment}`", s.type_name, _default(s), s.description) for s in SETTINGS]
    other = (f"`{PROVIDERS_KEY}`", "", "an object", "`{}`", PROVIDERS_DESCRIPTION)
    return ("key", "environment", "type", "default", "what it is"), [*rows, other]


def _default(setting: Setting) -> str:
    return setting.none if setting.default is None else f"`{json.dumps(setting.default)}`"


def _environment() -> Table:
    return ("variable", "what it does"), [(f"`{name}`", text) for name, text in OTHER_ENVIRONMENT.items()]


def _flags(app: Typer, name: str = "") -> Table:
    """Those of a command; `name` is that of one of several that stand under it."""
    command = get_command(app)
    command = command.commands[name] if isinstance(command, TyperGroup) else command
    options = [parameter for parameter in command.params if isinstance(parameter, TyperOption)]
    rows = [
        (
            f"`{', '.join([*option.opts, *option.secondary_opts])}`",
            f"`{option.metavar}`" if option.metavar else "",
            option.help or "",
        )
        for option in options
    ]
    return ("flag", "value", "what it is [default]"), rows


def _exit_codes() -> Table:
    raised: dict[int, list[str]] = {exit_code: [code] for exit_code, code in CODES.items()}
    for error in _errors(UnifiedIntelligenceError):
        raised.setdefault(error.exit_code, []).append(error.__new__(error).code)
    rows = [
        (str(code), text, ", ".join(f"`{name}`" for name in raised.get(code, ()))) for code, text in EXIT_CODES.items()
    ]
    return ("exit", "meaning", "`code` in the error object"), rows


def _errors(parent: type[UnifiedIntelligenceError]) -> Iterator[type[UnifiedIntelligenceError]]:
    for child in parent.__subclasses__():
        yield child
        yield from _errors(child)


def _commands() -> Table:
    return ("command", "what it does"), [(f"`uic {name}`", entry.summary) for name, entry in COMMANDS.items()]


def _tools() -> Table:
    rows = [(f"`{name}`", ", ".join(f"`{tool.name}`" for tool in group(name))) for name in group_names()]
    return ("group", "functions"), rows


def _provider_environment() -> Table:
    rows = [
        (f"`{name}`", f"`{option}`", f"`{variable}`")
        for name, row in PROVIDERS.items()
        for option, variable in row.environment.items()
    ]
    return ("provider", "option", "variable"), rows


def _suites() -> Table:
    return ("suite", "what it asks"), [(f"`{name}`", row.summary) for name, row in SUITES.items()]


def _providers() -> Table:
    rows = [(f"`{name}`", row.summary, f"`{row.extra}`" if row.extra else "") for name, row in PROVIDERS.items()]
    return ("provider", "what it is", "extra"), rows


def _space_commands() -> Table:
    from unified_intelligence.cli.space.group import COMMANDS as OF_SPACE

    return ("command", "what it does"), [(f"`uic space {name}`", entry.summary) for name, entry in OF_SPACE.items()]


def _space_spec() -> Table:
    from unified_intelligence.spaces.spec_keys import spec_keys

    rows = [(f"`{key.name}`", key.default, key.description) for key in spec_keys()]
    return ("key", "default", "what it is"), rows


_TABLES: Mapping[str, Callable[[], Table]] = {
    "settings": _settings,
    "environment": _environment,
    "flags": lambda: _flags(ask.app),
    "serve-flags": lambda: _flags(serve.app),
    "eval-run-flags": lambda: _flags(commands.app, "run"),
    "suites": _suites,
    "exit-codes": _exit_codes,
    "commands": _commands,
    "space-commands": _space_commands,
    "space-spec": _space_spec,
    "tools": _tools,
    "providers": _providers,
    "provider-environment": _provider_environment,
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
