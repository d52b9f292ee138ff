"""Models this small wait for each other's threads longer than they compute."""

from tests.one_thread import one_thread

__all__ = ["one_thread"]  # a fixture, taken in by name
