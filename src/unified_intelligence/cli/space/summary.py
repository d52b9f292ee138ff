"""`uic space summary`: DEPLOYMENT_SUMMARY.md, written from the specs and the result files."""

from __future__ import annotations

from typing import Annotated

import typer

from unified_intelligence.cli.command import LightCommand, new_app
from unified_intelligence.cli.output import Output
from unified_intelligence.entities.errors import DeploymentError, InvalidRequestError

app = new_app()


@app.command(cls=LightCommand)
def summary(
    context: typer.Context,
    write: Annotated[bool | None, typer.Option("--write", help="into DEPLOYMENT_SUMMARY.md here")] = None,
    check: Annotated[bool | None, typer.Option("--check", help="exit 11 if that is not what it would be")] = None,
) -> int:
    """Every Space of hf_spaces/, what it costs, and what was measured. Without a flag it is printed."""
    from unified_intelligence.spaces.summary import FILE_NAME
    from unified_intelligence.spaces.summary import summary as summarized

    output: Output = context.obj
    if write and check:
        raise InvalidRequestError("--write and --check are two things.", hint="Take one.")
    root = output.environment.directory
    text, path = summarized(root), root / FILE_NAME
    if not (write or check):
        output.answer(text)
        return 0
    if path.is_file() and path.read_text("utf-8") == text:
        return 0
    if check:
        raise DeploymentError(f"{FILE_NAME} is out of date.", hint="uic space summary --write")
    path.write_text(text, "utf-8")
    output.note(f"Written: {FILE_NAME}")
    return 0
