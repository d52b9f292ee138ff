"""How a family of models likes its next token drawn."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sampling:
    """temperature 0 is greedy, top_k 0 is no limit."""

    temperature: float
    top_p: float = 1.0
    top_k: int = 0
