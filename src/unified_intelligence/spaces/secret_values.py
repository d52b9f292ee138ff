"""The values of a spec's secrets, on their way to the Hub. They are in no repr, no report and no message."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from unified_intelligence.entities.errors import ConfigurationError
from unified_intelligence.entities.space import NewSecret
from unified_intelligence.spaces.fingerprint import fingerprint, fits


@dataclass(frozen=True, slots=True)
class SecretValues:
    """`values` by the secret's name; `problems` says of the others why they cannot be read here.

    `key` is the deployer's own, which fingerprints are made with; "" is none.
    """

    values: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    problems: Mapping[str, ConfigurationError] = field(default_factory=dict[str, ConfigurationError], repr=False)
    key: str = field(default="", repr=False)

    def fits(self, name: str, description: str | None) -> bool | None:
        """Whether the Hub's secret has our value; None where nobody can tell."""
        return fits(description, self.values[name], self.key) if name in self.values else None

    def new(self, name: str) -> NewSecret:
        """The secret as it is sent. Raises the ConfigurationError of one that cannot be read."""
        if name not in self.values:
            raise self.problems.get(name) or ConfigurationError(f"The secret {name} has no value here.")
        return NewSecret(name, self.values[name], fingerprint(self.values[name], self.key))
