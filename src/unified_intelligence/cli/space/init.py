"""`uic space init`: a space.yaml to begin with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from unified_intelligence.cli.command import LightCommand, new_app
from unified_intelligence.cli.output import Output
from unified_intelligence.entities.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

SDKS = ("gradio", "docker", "static")
_TEXT = """\
# What this Space is. uic space plan {name} shows what would change on the Hub, uic space apply {name} changes it.
version: 1
id: {id}
sdk: {sdk}
hardware: {hardware}
visibility: private

# Anybody who sees the Space can read these.
variables: {{}}

# Where each secret is, never the secret: env:NAME or file:PATH.
secrets: {{}}

readme:
  title: {title}
{readme}
"""
_README = {
    "gradio": '  sdk_version: "6.31.0"\n  python_version: "3.12"',
    "docker": "  app_port: 7860",
    "static": "  pinned: false",
}
_APP_FILES = {"gradio": "app.py", "docker": "Dockerfile", "static": "index.html"}

app = new_app()


@app.command(cls=LightCommand)
def init(
    context: typer.Context,
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="a folder in hf_spaces/, made if it is not there")
    ] = None,
    sdk: Annotated[
        str | None, typer.Option("--sdk", metavar="|".join(SDKS), help="[what the folder looks like]")
    ] = None,
    owner: Annotated[
        str | None, typer.Option("--owner", metavar="NAME", help="whose it is [the token's account]")
    ] = None,
    hardware: Annotated[str | None, typer.Option("--hardware", metavar="NAME", help="[cpu-basic]")] = None,
) -> int:
    """Write hf_spaces/NAME/space.yaml. A file that is there is left alone."""
    output: Output = context.obj
    if not name:
        raise ConfigurationError("The Space has no name yet.", hint="uic space init my-space")
    if sdk is not None and sdk not in SDKS:
        raise ConfigurationError(f"The sdk is {', '.join(SDKS[:-1])} or {SDKS[-1]}, not {sdk!r}.")
    folder = output.environment.directory / "hf_spaces" / name
    path = folder / "space.yaml"
    if path.exists():
        raise ConfigurationError(f"hf_spaces/{name}/space.yaml is there already.", hint=f"uic space show {name}")
    chosen = sdk or _guessed(folder)
    text = _TEXT.format(
        name=name,
        id=f"{owner}/{name}" if owner else name,
        sdk=chosen,
        hardware=hardware or "cpu-basic",
        title=name.replace("-", " ").replace("_", " ").capitalize(),
        readme=_README[chosen],
    )
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    app_file = _APP_FILES[chosen]
    missing = "" if (folder / app_file).exists() else f"put the app there, {app_file} and what it needs; then "
    output.line(f"Written: hf_spaces/{name}/space.yaml. Next: {missing}uic space validate {name}")
    return 0


def _guessed(folder: Path) -> str:
    if (folder / "Dockerfile").is_file():
        return "docker"
    return "static" if (folder / "index.html").is_file() else "gradio"
