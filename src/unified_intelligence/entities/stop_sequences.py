"""Ending a text before the first of some strings, while it is still being written."""

from collections.abc import Sequence

from unified_intelligence.entities.reasoning import beginning_at_end


class StopSequences:
    """Passes text on up to the first stop sequence, holding back what may be the beginning of one."""

    def __init__(self, sequences: Sequence[str]) -> None:
        self._sequences = sequences
        self._held: str = ""
        self.met = False

    def feed(self, text: str) -> str:
        """What is decided now."""
        text = self._held + text
        found = [(at + len(each), at) for each in self._sequences if (at := text.find(each)) >= 0]
        if found:  # the one that is complete first, however the text was cut up on its way
            self.met, self._held = True, ""
            return text[: min(found)[1]]
        end = len(text) - beginning_at_end(text, self._sequences)
        self._held = text[end:]
        return text[:end]

    def flush(self) -> str:
        held, self._held = self._held, ""
        return held
