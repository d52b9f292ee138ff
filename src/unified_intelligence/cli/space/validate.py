"""`uic space validate`: everything that can be checked without the Hub."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from unified_intelligence.cli.command import LightCommand, new_app
from unified_intelligence.cli.output import Output
from unified_intelligence.cli.space import flags
from unified_intelligence.entities.errors import ConfigurationError

app = new_app()


@app.command(cls=LightCommand)
def validate(
    context: typer.Context,
    name: flags.Name = None,
    owner: flags.Owner = None,
    strict: Annotated[bool | None, typer.Option("--strict", help="a warning fails too")] = None,
    json: flags.Json = None,
) -> int:
    """Check a spec and the files rendered from it. Nothing is asked of the Hub."""
    from unified_intelligence.cli.space.opening import findings, offline, spec_file

    output: Output = context.obj
    file = spec_file(name, output)
    rendered, secrets = offline(file, owner, output)
    found = findings(rendered, secrets)
    errors = sum(finding.level == "error" or bool(strict) for finding in found)
    if json:
        told = [asdict(finding) for finding in found]
        output.json({"space": file.name, "valid": not errors, "findings": told}, indented=True)
        return ConfigurationError.exit_code if errors else 0
    for finding in found:
        output.line(f"{finding.level}: {finding.told()}")
    if errors:
        raise ConfigurationError(
            f"{file.name} would not do as it is: {errors} finding{'s' if errors > 1 else ''}.",
            hint="Mend what is listed; what each means: uic docs deploy",
        )
    counted = f"{len(rendered.files)} files, {sum(map(len, rendered.files.values())) / 1e6:.1f} MB"
    output.line(f"{file.name} is valid: {counted}, content {rendered.digest[:12]}.")
    return 0
