"""How a family of models likes its next token drawn."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sampling:
    """temperature 0 is greedy, top_k 0 is no limit, min_p 0 keeps all; the penalties do nothing at 0, 0 and 1."""

    temperature: float
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    repetition_penalty: float = 1.0
