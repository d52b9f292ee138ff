"""`uic space show`: what a spec says with every default, and the files that would be on the Hub."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from unified_intelligence.cli.command import LightCommand, new_app
from unified_intelligence.cli.output import Output
from unified_intelligence.cli.space import flags
from unified_intelligence.cli.table import aligned
from unified_intelligence.entities.errors import ConfigurationError

if TYPE_CHECKING:
    from unified_intelligence.spaces.render import RenderedSpace

app = new_app()


@app.command(cls=LightCommand)
def show(
    context: typer.Context,
    name: flags.Name = None,
    owner: flags.Owner = None,
    to: Annotated[str | None, typer.Option("--to", metavar="FOLDER", help="write the files there too")] = None,
    json: flags.Json = None,
) -> int:
    """The spec with every default, and what would be on the Hub: each file with its size."""
    from unified_intelligence.cli.space.opening import offline, spec_file

    output: Output = context.obj
    rendered, _ = offline(spec_file(name, output), owner, output)
    if to is not None:
        _write(rendered, Path(to))
    if json:
        sizes = {path: len(content) for path, content in rendered.files.items()}
        told = {"content_digest": rendered.digest, "spec": rendered.spec.model_dump(mode="json"), "files": sizes}
        output.json(told, indented=True)
        return 0
    spec = rendered.spec
    rows = [
        ("space", spec.id),
        ("sdk", spec.sdk),
        ("hardware", spec.hardware),
        ("visibility", spec.visibility),
        *((f"variable {key}", value) for key, value in spec.variables.items()),
        *((f"secret {key}", reference) for key, reference in spec.secrets.items()),
        *((f"volume {volume.mount_path}", f"{volume.kind} {volume.source}") for volume in spec.volumes),
        *((f"smoke {smoke.name}", smoke.prompt) for smoke in spec.smoke),
        ("rollout", spec.rollout.strategy),
        ("content", rendered.digest),
        *((path, f"{len(content)} bytes") for path, content in rendered.files.items()),
    ]
    output.line(aligned(rows))
    return 0


def _write(rendered: RenderedSpace, folder: Path) -> None:
    if folder.exists() and any(folder.iterdir()):
        raise ConfigurationError(f"{folder} is not empty.", hint="Name one that is not there yet.")
    for path, content in rendered.files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
