"""`uic bench check`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from unified_intelligence.benchmark.check import REMARKS, check_file
from unified_intelligence.cli.output import Output

WRONG = 1


def check_tables(output: Output, given: Mapping[str, Any]) -> int:
    """1 where a figure cannot be true."""
    import msgspec

    found: list[dict[str, Any]] = []
    rows = 0
    for name in given["file"]:
        tables, findings = check_file(Path(name).expanduser())
        rows += sum(len(own.rows) for own in tables)
        found += [{"file": name, **msgspec.to_builtins(own)} for own in findings]
    if given["json"]:
        output.json({"rows": rows, "findings": found}, indented=True)
    else:
        for own in found:
            output.line(f"{own['file']}, table {own['table']}, row {own['row']} ({own['rule']}): {own['said']}.")
        output.line(f"{rows} rows, {len(found)} findings." if found else f"{rows} rows, nothing that cannot be true.")
    return WRONG if any(own["rule"] not in REMARKS for own in found) else 0
