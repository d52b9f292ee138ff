"""llama.cpp in this process, by its C interface: a model read from a GGUF file, several conversations in one batch.

Its parameters are structures that grow from version to version. They are taken as they come, and only numbers whose
place is certain are set: those places are looked at first, and the context is asked afterwards what it made of them.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

_PLACES = {"n_ctx": 0, "n_batch": 1, "n_ubatch": 2, "n_seq_max": 3}
_USUAL = (512, 2048, 512, 1)  # what they are in every version until now
_LONGEST_BATCH = 2048


@ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)
def _silent(_level: int, _text: bytes, _user: int) -> None:
    """What it would write on stderr of its own accord."""


class MissingLlamaError(RuntimeError):
    """There is no llama.cpp where it was looked for, or none that can be used."""


class _Parameters(ctypes.Structure):
    """Longer than any version's: what is behind the end of theirs is not looked at."""

    _fields_ = (("words", ctypes.c_uint32 * 256),)


class _Batch(ctypes.Structure):
    _fields_ = (
        ("n_tokens", ctypes.c_int32),
        ("token", ctypes.POINTER(ctypes.c_int32)),
        ("embd", ctypes.c_void_p),
        ("pos", ctypes.POINTER(ctypes.c_int32)),
        ("n_seq_id", ctypes.POINTER(ctypes.c_int32)),
        ("seq_id", ctypes.POINTER(ctypes.POINTER(ctypes.c_int32))),
        ("logits", ctypes.POINTER(ctypes.c_int8)),
    )


class Library:
    """The shared libraries in a folder. `about` is what they say of this processor, and `server` the program."""

    def __init__(self, folder: Path) -> None:
        """Raises MissingLlamaError."""
        self.calls = _loaded(folder, "libllama")
        backends = _loaded(folder, "libggml")
        self.calls.llama_log_set(_silent, None)
        backends.ggml_backend_load_all_from_path(str(folder).encode())  # else the processor's own variant is not found
        self.calls.llama_backend_init()
        self._declare()
        self.about: str = self.calls.llama_print_system_info().decode().strip()
        self.server = folder / "llama-server"

    def _declare(self) -> None:
        pointer, number, calls = ctypes.c_void_p, ctypes.c_int32, self.calls
        calls.llama_print_system_info.restype = ctypes.c_char_p
        calls.llama_model_default_params.restype = calls.llama_context_default_params.restype = _Parameters
        calls.llama_model_load_from_file.argtypes = ctypes.c_char_p, _Parameters
        calls.llama_init_from_model.argtypes = pointer, _Parameters
        for name in ("llama_model_load_from_file", "llama_init_from_model", "llama_get_memory"):
            getattr(calls, name).restype = pointer
        for name in ("llama_get_memory", "llama_free", "llama_model_free", "llama_n_ctx", "llama_n_seq_max"):
            getattr(calls, name).argtypes = (pointer,)
        calls.llama_set_n_threads.argtypes = pointer, number, number
        calls.llama_decode.argtypes = pointer, _Batch
        calls.llama_get_logits_ith.argtypes = pointer, number
        calls.llama_get_logits_ith.restype = ctypes.POINTER(ctypes.c_float)
        calls.llama_memory_seq_rm.argtypes = pointer, number, number, number
        calls.llama_memory_seq_cp.argtypes = pointer, number, number, number, number
        calls.llama_batch_init.argtypes = number, number, number
        calls.llama_batch_init.restype = _Batch
        calls.llama_batch_free.argtypes = (_Batch,)


class Conversations:
    """A model and its context for so many conversations of at most `longest` tokens; all else as llama.cpp has it."""

    def __init__(self, library: Library, model: Path, *, streams: int, longest: int, threads: int, rows: int) -> None:
        """`rows` is how many logits there are. Raises MissingLlamaError where this version is laid out otherwise."""
        self._calls, self._rows = library.calls, rows
        asked = self._calls.llama_context_default_params()
        if tuple(asked.words[: len(_USUAL)]) != _USUAL:
            raise MissingLlamaError("This version of llama.cpp lays its parameters out in another order.")
        given = {"n_ctx": streams * longest, "n_batch": _LONGEST_BATCH, "n_seq_max": streams}
        for name, number in given.items():
            asked.words[_PLACES[name]] = number
        self._model = self._calls.llama_model_load_from_file(
            str(model).encode(), self._calls.llama_model_default_params()
        )
        self._context = self._calls.llama_init_from_model(self._model, asked) if self._model else None
        if not self._context or self._calls.llama_n_seq_max(self._context) != streams:
            raise MissingLlamaError(f"This version of llama.cpp does not open {model.name}.")
        self._calls.llama_set_n_threads(self._context, threads, threads)
        self._memory = self._calls.llama_get_memory(self._context)
        self._batch = self._calls.llama_batch_init(_LONGEST_BATCH, 0, 1)

    def read(self, pieces: Sequence[tuple[int, int, Sequence[int]]]) -> torch.Tensor:
        """Tokens of conversations, each from a place on: logits of the last of each, of shape (pieces, rows)."""
        batch, at, last = self._batch, 0, list[int]()
        for conversation, start, tokens in pieces:
            for offset, token in enumerate(tokens):
                batch.token[at], batch.pos[at] = token, start + offset
                batch.n_seq_id[at], batch.seq_id[at][0] = 1, conversation
                batch.logits[at] = offset == len(tokens) - 1
                at += 1
            last.append(at - 1)
        batch.n_tokens = at
        if code := self._calls.llama_decode(self._context, batch):
            raise RuntimeError(f"llama.cpp did not read {at} tokens: {code}")
        return torch.stack([self._logits(place) for place in last])

    def _logits(self, place: int) -> torch.Tensor:
        found = self._calls.llama_get_logits_ith(self._context, place)
        within: Any = ctypes.cast(found, ctypes.POINTER(ctypes.c_float * self._rows)).contents
        return torch.frombuffer(within, dtype=torch.float32)

    def forget(self, conversation: int, start: int = 0) -> None:
        """From a place on; -1 for all conversations."""
        self._calls.llama_memory_seq_rm(self._memory, conversation, start, -1)

    def copy(self, source: int, target: int) -> None:
        self._calls.llama_memory_seq_cp(self._memory, source, target, -1, -1)

    def close(self) -> None:
        self._calls.llama_batch_free(self._batch)
        self._calls.llama_free(self._context)
        self._calls.llama_model_free(self._model)


def _loaded(folder: Path, name: str) -> Any:
    found = sorted([*folder.glob(f"{name}.so"), *folder.glob(f"{name}.v*.so")])
    if not found:
        raise MissingLlamaError(
            f"{folder} holds no {name}.so: name the folder of a llama.cpp built with shared libraries."
        )
    try:
        return ctypes.CDLL(str(found[0]), mode=ctypes.RTLD_GLOBAL)
    except OSError as error:
        raise MissingLlamaError(f"{found[0].name} cannot be loaded: {error}") from error
