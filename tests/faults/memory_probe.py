"""Asks twice in a process of its own: a healthy server, then one that sends too much. Tells by how much it grew.

python -m tests.faults.memory_probe HEALTHY_URL BOMB_URL
"""

from __future__ import annotations

import json
import resource
import sys
import time

from unified_intelligence.entities.errors import UnifiedIntelligenceError
from unified_intelligence.factories.provider_factory import ProviderFactory


def peak() -> int:
    """The most memory that was ever resident, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main() -> None:
    healthy, bomb = sys.argv[1:]
    options = {"key": "k", "model": "m", "retries": 0, "timeout": 30.0}
    ProviderFactory().create("openai_compatible", base_url=healthy, **options).generate("Ça va ? 🙂")
    before, began, error = peak(), time.perf_counter(), ""
    try:
        ProviderFactory().create("openai_compatible", base_url=bomb, **options).generate("Ça va ? 🙂")
    except UnifiedIntelligenceError as raised:
        error = raised.code
    sys.stdout.write(json.dumps({"grown": peak() - before, "seconds": time.perf_counter() - began, "error": error}))


if __name__ == "__main__":
    main()
