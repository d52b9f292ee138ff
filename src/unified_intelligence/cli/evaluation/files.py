"""`uic eval rescore`, `export` and `report`: a run read again, in place or into a file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from unified_intelligence.cli.evaluation.places import cache_of, folder_of
from unified_intelligence.cli.evaluation.show import summary_lines
from unified_intelligence.cli.output import Output
from unified_intelligence.disk.whole import replace
from unified_intelligence.entities.errors import ConfigurationError
from unified_intelligence.evaluation.compare import read
from unified_intelligence.evaluation.export import write
from unified_intelligence.evaluation.folder import read_run
from unified_intelligence.evaluation.report import html_report
from unified_intelligence.evaluation.rescore import choice_of, rescore
from unified_intelligence.evaluation.suites import build


def rescore_run(output: Output, parameters: Mapping[str, Any]) -> int:
    folder = folder_of(output, parameters["run"], parameters["runs"])
    data = parameters["data"]
    choice = choice_of(
        read_run(folder),
        data=None if data is None else Path(data).expanduser(),
        cache=cache_of(output),
        offline=bool(parameters["offline"]),
    )
    done = rescore(folder, build(choice))
    if parameters["json"]:
        changed = [
            {"sample_id": key[0], "epoch": key[1], "before": one, "after": other}
            for key, (one, other) in done.changed.items()
        ]
        output.json({"run": msgspec.to_builtins(done.run), "changed": changed}, indented=True)
        return 0
    output.line("\n".join(summary_lines(done.run)))
    output.note(f"{len(done.changed)} attempts end otherwise now; no model was asked.")
    for (sample, epoch), (one, other) in [*done.changed.items()][:20]:
        output.note(f"  {sample}, epoch {epoch}: {one} -> {other}")
    return 0


def export_run(output: Output, parameters: Mapping[str, Any]) -> int:
    folder = folder_of(output, parameters["run"], parameters["runs"])
    try:
        output.line(write(read(folder), parameters["to"], folder, parameters["out"]))
    except OSError as error:
        raise ConfigurationError(
            f"{error.filename or folder} cannot be written: {error.strerror or error}.",
            hint="Give another place: --out PATH",
        ) from error
    return 0


def write_report(output: Output, parameters: Mapping[str, Any]) -> int:
    folder = folder_of(output, parameters["run"], parameters["runs"])
    html = parameters["html"]
    path = folder / "report.html" if html is None else Path(html).expanduser()
    page = html_report(read(folder)).encode("utf-8", "replace")
    try:
        replace(path, page)
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be written: {error.strerror or error}.", hint="Give another place: --html FILE"
        ) from error
    output.line(str(path))
    return 0
