from __future__ import annotations

from collections.abc import Iterator

import pytest

from unified_intelligence.benchmark.calibrate import known_server


@pytest.fixture(scope="module")
def known() -> Iterator[str]:
    """The base URL of a server whose schedule is known, in a process of its own."""
    with known_server() as url:
        yield url
