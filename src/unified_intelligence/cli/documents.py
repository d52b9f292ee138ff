"""`uic docs`: the documents of this version, from the installed package or from a checkout; no network is needed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from unified_intelligence.cli.command import LightCommand, new_app
from unified_intelligence.cli.output import Output
from unified_intelligence.cli.table import aligned
from unified_intelligence.entities.errors import ConfigurationError, UnknownNameError

_PACKAGE = Path(__file__).parents[1]
_PLACES = (_PACKAGE / "documents", _PACKAGE.parents[1] / "docs")  # of a wheel, of a checkout
_COMMENT = re.compile(r"^<!--.*-->\n", re.MULTILINE)
_TITLE = re.compile(r"^# (.*)$", re.MULTILINE)
_EXAMPLES = "examples"

app = new_app()


@app.command(cls=LightCommand)
def docs(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(metavar="NAME", hidden=True)] = None,
    json: Annotated[bool | None, typer.Option("--json", help="the list, as JSON")] = None,
) -> int:
    """Read a document: uic docs NAME. Without a name they are listed.

    On a terminal it is laid out, in a pipe it is Markdown as it was written. A NAME may be the path by which a text
    names it, such as docs/sweep.md.
    """
    output: Output = context.obj
    there = documents(folder())
    if name is None:
        _list(output, there, as_json=bool(json))
        return 0
    path = there.get(_bare(name))
    if path is None:
        raise UnknownNameError("document", name, [*there], hint="List them: uic docs")
    text = path.read_text("utf-8")
    if path.suffix == ".md" and output.stdout_is_terminal and not output.environment.dumb:
        from unified_intelligence.cli.markdown import Page

        page = Page(colours=output.stdout_colours, columns=output.environment.columns, filled=True)
        text = page.feed(_COMMENT.sub("", text)) + page.close()
    output.answer(text)
    return 0


def folder() -> Path:
    """Where they are. Raises ConfigurationError for an installation without them."""
    for place in _PLACES:
        if (place / "cli.md").is_file():
            return place
    raise ConfigurationError(
        "This installation has no documents.", hint="uic help, and uic help COMMAND, have the flags."
    )


def documents(place: Path) -> dict[str, Path]:
    """By name: `sweep` is sweep.md, `examples/sweep_uic.yaml` a file to begin with."""
    texts = {path.stem: path for path in sorted(place.glob("*.md"))}
    examples = (path for path in sorted((place / _EXAMPLES).iterdir()) if path.is_file())
    return {**texts, **{f"{_EXAMPLES}/{path.name.removesuffix('.md')}": path for path in examples}}


def _list(output: Output, there: dict[str, Path], *, as_json: bool) -> None:
    titles = {name: _title(path) for name, path in there.items()}
    if as_json:
        output.json([{"name": name, "title": title, "path": str(there[name])} for name, title in titles.items()])
        return
    output.line(aligned([("NAME", "WHAT IT IS ABOUT"), *titles.items()]))


def _title(path: Path) -> str:
    found = _TITLE.search(path.read_text("utf-8"))
    return found[1].replace("`", "") if found else ""


def _bare(name: str) -> str:
    return name.removeprefix("./").removeprefix("docs/").partition("#")[0].removesuffix(".md")
