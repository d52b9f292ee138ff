"""A client's sockets do not outlive its test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.serving_responses import clients


@pytest.fixture(autouse=True)
def closed_clients() -> Iterator[None]:
    yield
    clients.close_all()
