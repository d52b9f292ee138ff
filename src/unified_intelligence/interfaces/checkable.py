"""The seam to providers that can say how they are before they are asked a question."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping


class ICheckable(ABC):
    """A provider that waits for somebody else, and can look whether he is there."""

    @abstractmethod
    async def acheck(self) -> Mapping[str, str]:
        """What is known of who answers, by name, in the order to show it. It asks no question and uses no quota.

        Raises what a question would raise when nobody is there.
        """
