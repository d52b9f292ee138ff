"""The same measured runs as the arithmetic is tested with."""

from tests.unit.dashboard.conftest import runs

__all__ = ["runs"]
