"""The C beside this file, compiled once for this machine and loaded."""

from __future__ import annotations

import ctypes
import os
import platform
import shutil
import subprocess
import sys
from contextlib import suppress
from functools import cache
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from stat import S_ISVTX, S_IWOTH
from tempfile import TemporaryDirectory, mkdtemp

_HERE = Path(__file__).parent
_SOURCES = ("pass.c", "products.h")
_FLAGS = ("-O3", "-march=native", "-fopenmp", "-fPIC", "-shared")
_SECONDS = 120.0
_KEPT = Path("~/.cache/unified-intelligence/native")


class NoLibraryError(RuntimeError):
    """Why it cannot be had here, as a clause."""


def shared_library() -> ctypes.CDLL:
    """Raises NoLibraryError; the answer is the same as long as the process lives."""
    found = outcome()
    if isinstance(found, str):
        raise NoLibraryError(found)
    return found


@cache
def outcome() -> ctypes.CDLL | str:
    """The library, or why there is none."""
    try:
        return _found()
    except NoLibraryError as error:
        return str(error)
    except OSError as error:  # no room on the disk, no folder for passing files, no sources
        return f"it could not be compiled: {error}"


def _found() -> ctypes.CDLL:
    import_module("torch")  # first: then the threads are those of the OpenMP that torch brings
    if platform.machine() != "x86_64" or sys.platform != "linux":
        raise NoLibraryError("it is for Linux on x86-64")
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if not compiler:
        raise NoLibraryError("there is no C compiler")
    folder = _own(_KEPT)
    if folder is None:
        with TemporaryDirectory() as passing:
            return _loaded(_compiled(compiler, Path(passing) / "native.so"))
    file = folder / f"{_name(compiler)}.so"
    if file.exists():
        with suppress(NoLibraryError):  # one that was cut short is made anew
            return _loaded(file)
    return _loaded(_compiled(compiler, file))


def _own(folder: Path) -> Path | None:
    """The folder, if nobody else can put a library into it, or another folder into its place."""
    with suppress(OSError, RuntimeError):  # the latter for a user without a home
        folder = folder.expanduser().resolve()
        if not all(_is_safe(each) for each in folder.parents if each.exists()):
            return None
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.stat()
        own = found.st_uid == os.getuid() and not found.st_mode & 0o022 and os.access(folder, os.W_OK)
        if own and all(_is_safe(each) for each in folder.parents):  # those made just now among them
            return folder
    return None


def _is_safe(folder: Path) -> bool:
    """Whether only its owner, who is root or us, can rename what is in it and is not theirs."""
    found = folder.stat()
    return found.st_uid in (0, os.getuid()) and (not found.st_mode & S_IWOTH or bool(found.st_mode & S_ISVTX))


def _name(compiler: str) -> str:
    """A name made of all that the library depends on: sources, compiler, processor."""
    digest = sha256(" ".join(_FLAGS).encode())
    for name in _SOURCES:
        digest.update((_HERE / name).read_bytes())
    found = Path(compiler).stat()
    digest.update(f"{compiler} {found.st_size} {found.st_mtime_ns} {platform.libc_ver()}".encode())
    with suppress(OSError):
        about = Path("/proc/cpuinfo").read_text(encoding="utf-8").partition("\n\n")[0]
        digest.update("".join(line for line in about.splitlines() if line.startswith(("flags", "model"))).encode())
    return digest.hexdigest()[:32]


def _compiled(compiler: str, file: Path) -> Path:
    """Compiles the library, whole or not at all: several processes may do so at once."""
    passing = Path(mkdtemp(dir=file.parent))
    try:
        command = [compiler, *_FLAGS, str(_HERE / "pass.c"), "-o", str(passing / "native.so"), "-lm"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)  # noqa: S603
        if done.returncode:
            errors = [line.partition("error: ")[2] for line in done.stderr.splitlines() if "error: " in line]
            raise NoLibraryError(errors[0].removeprefix("#error ").strip('"') if errors else "it could not be compiled")
        (passing / "native.so").replace(file)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoLibraryError(f"it could not be compiled: {error}") from error
    finally:
        shutil.rmtree(passing, ignore_errors=True)
    return file


def _loaded(file: Path) -> ctypes.CDLL:
    try:
        return ctypes.CDLL(str(file))
    except OSError as error:
        raise NoLibraryError(f"it could not be loaded: {error}") from error
