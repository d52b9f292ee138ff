"""The engine beside llama.cpp, both in bfloat16 with the same weights: the forward pass, then eight clients over HTTP.

    python -m benchmarks.engine --part llama --llama FOLDER --tokenizer FOLDER

The folder holds `libllama.so`, `libggml.so` and `llama-server` of one build for this processor. What it says of itself
is kept beside the figures, and how far the two's logits go together. llama.cpp is asked as it comes, with as many
threads. Decoding is greedy, one token at a time for all streams, from a prompt that was read before the clock runs.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing
from functools import partial
from pathlib import Path
from random import randrange
from statistics import median
from typing import Any

import torch

from benchmarks.engine import gguf, served
from benchmarks.engine.decode import PROMPTS, STEPS, STREAMS, Own
from benchmarks.engine.llama_cpp import Conversations, Library, MissingLlamaError
from benchmarks.engine.models import SMALL, fused, saved
from benchmarks.engine.report import Asked
from benchmarks.engine.rounds import Took, in_turn, rate, ratio, spread, timed
from unified_intelligence.engine.forward import Piece
from unified_intelligence.engine.linear import read_bandwidth
from unified_intelligence.engine.load import load

ROUNDS = 4
_LONGEST = max(PROMPTS) + max(STEPS.values()) + 8
_ALIKE = 0.999  # correlation of the logits: two sums in another order are that near


class Theirs:
    """llama.cpp's forward pass, without its server."""

    def __init__(self, conversations: Conversations) -> None:
        self._conversations = conversations

    def read(self, prompt: list[int]) -> torch.Tensor:
        """Into every stream; the logits of the last token."""
        self._conversations.forget(-1)
        logits = self._conversations.read([(0, 0, prompt)])[0].clone()
        for stream in range(1, max(STREAMS)):
            self._conversations.copy(0, stream)
        return logits

    def read_alone(self, prompt: list[int]) -> Took:
        self._conversations.forget(-1)
        return timed(lambda: self._conversations.read([(0, 0, prompt)]))

    def write(self, prompt: list[int], streams: int, steps: int) -> Took:
        for stream in range(streams):
            self._conversations.forget(stream, len(prompt))

        def work() -> None:
            tokens = [11] * streams
            for step in range(steps):
                pieces = [(at, len(prompt) + step, [token]) for at, token in enumerate(tokens)]
                tokens = [int(token) for token in self._conversations.read(pieces).argmax(-1)]

        return timed(work)


def measure(asked: Asked) -> None:
    if not asked.llama:
        print("There is no llama.cpp: name the folder of its shared libraries with --llama. Nothing was measured.")
        return
    try:
        library = Library(asked.llama)
    except MissingLlamaError as error:
        print(f"{error} Nothing was measured.")
        return
    with saved(SMALL, asked.tokenizer) as folder:
        gguf.write(folder, file := folder.parent / "model.gguf")
        found: dict[str, Any] = {
            "rounds": asked.rounds(ROUNDS), "model": str(SMALL), "llama.cpp": library.about, "cases": {},
        }  # fmt: skip
        for name, case in _cases(folder, file, library, asked):
            found["cases"][name] = case
            print(name, case, flush=True)
            asked.keep(found)
        for told in _over_http(folder, file, asked):
            found["http"] = told
            print(told, flush=True)
            asked.keep(found)


def _cases(folder: Path, file: Path, library: Library, asked: Asked) -> Generator[tuple[str, dict[str, Any]]]:
    own, rounds = Own(fused(load(folder, dtype="bfloat16", device="cpu").model)), asked.rounds(ROUNDS)
    asks = {"streams": max(STREAMS), "longest": _LONGEST, "threads": asked.threads, "rows": SMALL.vocabulary}
    with closing(Conversations(library, file, **asks)) as conversations:
        theirs = Theirs(conversations)
        for length in PROMPTS:
            prompt = [randrange(1000, SMALL.vocabulary) for _ in range(length)]
            own.read(prompt)
            yield f"prompt of {length}, read", reading(own, theirs, prompt, rounds)
            own.read(prompt)
            theirs.read(prompt)
            for streams in STREAMS:
                name = f"prompt of {length}, {streams} stream{'s' * (streams > 1)}"
                yield name, writing(own, theirs, prompt, streams, rounds)


def reading(own: Own, theirs: Theirs, prompt: list[int], rounds: int) -> dict[str, Any]:
    """Raises RuntimeError where the two do not compute the same."""
    with torch.inference_mode():
        ours = own.forward.read([Piece(0, 0, prompt)])[0].float()
    alike = float(torch.corrcoef(torch.stack([ours, theirs.read(prompt)]))[0, 1])
    if not alike > _ALIKE:
        raise RuntimeError(f"The logits of the two go together by {alike:.4f} only: this is not the same model.")

    def read() -> Took:
        with torch.inference_mode():
            return timed(lambda: own.forward.read([Piece(0, 0, prompt)]))

    took = in_turn({"llama.cpp": partial(theirs.read_alone, prompt), "own": read}, rounds)
    return {
        "llama.cpp": rate(took["llama.cpp"], len(prompt)),
        "own": rate(took["own"], len(prompt)) | {"times llama.cpp": ratio(took["llama.cpp"], took["own"])},
        "correlation of the logits": round(alike, 5),
    }


def writing(own: Own, theirs: Theirs, prompt: list[int], streams: int, rounds: int) -> dict[str, Any]:
    steps, speeds = STEPS[streams], list[float]()

    def look() -> Took:
        speeds.append(read_bandwidth(0.15, own.forward.device))
        return Took(1.0, 1.0)

    contenders: dict[str, Callable[[], Took]] = {
        "bandwidth": look,
        "llama.cpp": partial(theirs.write, prompt, streams, steps),
        "own": partial(own.write, prompt, streams, steps),
    }
    took = in_turn(contenders, rounds)
    reading_speeds = speeds[1:]
    read = own.bytes(prompt, streams, steps) * steps / 1e9
    case: dict[str, Any] = {"read GB/s": spread(reading_speeds, 1)}
    for name in ("llama.cpp", "own"):
        shares = [read / once.cpu / speed for once, speed in zip(took[name], reading_speeds, strict=True)]
        case[name] = {**rate(took[name], steps * streams), "share of read bandwidth": round(median(shares), 3)}
    case["own"]["times llama.cpp"] = ratio(took["llama.cpp"], took["own"])
    return case


def _over_http(folder: Path, file: Path, asked: Asked) -> Generator[dict[str, Any]]:
    assert asked.llama
    try:
        server = served.llama_server(asked.llama, file, asked.threads)
    except MissingLlamaError as error:
        print(f"{error} Nothing was measured over HTTP.")
        return
    yield from served.rounds_of(served.own(folder, asked.threads) | server, folder, asked.rounds(served.ROUNDS))
