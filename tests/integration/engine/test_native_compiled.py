"""Our own kernels compiled on the machine: once, where nobody else may write, and never in the way of an answer."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import re
from collections.abc import Generator
from pathlib import Path

import pytest
import torch

from tests.integration.engine.test_native import runs_here
from unified_intelligence.engine.kernels import Kernels
from unified_intelligence.engine.linear import explain, linear
from unified_intelligence.engine.native import compiled
from unified_intelligence.engine.native.compiled import NoLibraryError
from unified_intelligence.engine.native.linears import Native, Panels

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def inference() -> Generator[None]:
    with torch.inference_mode():
        yield


@pytest.fixture
def anew(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Generator[Path]:
    """The library is looked for once more, in a home of its own."""
    monkeypatch.setenv("HOME", str(tmp_path))
    compiled.outcome.cache_clear()
    yield tmp_path
    compiled.outcome.cache_clear()


@runs_here
def test_it_is_compiled_once_and_only_where_nobody_else_may_write(anew: Path) -> None:
    compiled.shared_library()
    (kept,) = (anew / ".cache/unified-intelligence/native").iterdir()
    stamp = kept.stat().st_mtime_ns
    compiled.outcome.cache_clear()
    compiled.shared_library()
    assert kept.stat().st_mtime_ns == stamp
    kept.unlink()
    kept.parent.chmod(0o777)
    compiled.outcome.cache_clear()
    compiled.shared_library()
    assert not list(kept.parent.iterdir())


@runs_here
def test_it_is_compiled_anew_where_the_kept_one_is_broken(anew: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = ".cache/unified-intelligence/native"
    compiled.shared_library()
    (whole,) = (anew / place).iterdir()
    broken = anew / "other" / place / whole.name  # elsewhere: what is loaded already is not read again
    broken.parent.mkdir(parents=True, mode=0o700)
    broken.write_bytes(whole.read_bytes()[:4])
    monkeypatch.setenv("HOME", str(anew / "other"))
    compiled.outcome.cache_clear()
    compiled.shared_library()
    assert broken.stat().st_size == whole.stat().st_size


@runs_here
def test_nothing_is_kept_where_others_can_put_another_folder(anew: Path) -> None:
    (anew / ".cache").mkdir()
    (anew / ".cache").chmod(0o777)
    compiled.shared_library()
    assert not list((anew / ".cache").iterdir())


@runs_here
def test_it_is_compiled_for_a_user_without_a_home(anew: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(_: int) -> None:
        raise KeyError

    monkeypatch.delenv("HOME")
    monkeypatch.setattr("pwd.getpwuid", nobody)
    compiled.shared_library()
    assert not list(anew.iterdir())


@pytest.mark.usefixtures("anew")
def test_the_reason_is_found_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "cc").write_text(f"#!/bin/sh\necho >> {tmp_path}/runs\nexit 3\n")
    (tmp_path / "cc").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    for _ in range(3):
        with pytest.raises(NoLibraryError):
            compiled.shared_library()
    assert (tmp_path / "runs").read_text() == "\n"


@pytest.mark.usefixtures("anew")
def test_without_room_for_passing_files_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(**_: object) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(compiled, "mkdtemp", full)
    with pytest.raises(NoLibraryError, match=r"No space left|CPU|compiler|Linux"):
        compiled.shared_library()


@pytest.mark.parametrize(("compiler", "reason"), [
    (None, "there is no C compiler"),
    ("echo 'pass.c:3:2: error: #error \"this CPU has no AVX-512\"' >&2\nexit 1", "this CPU has no AVX-512$"),
    ("exit 3", "could not be compiled"),
    ("while [ $# -gt 1 ]; do [ $1 = -o ] && : > $2; shift; done", "could not be loaded"),
])  # fmt: skip
@pytest.mark.usefixtures("anew")
def test_without_it_torchs_products_are_taken_and_the_reason_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, compiler: str | None, reason: str
) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    if compiler:
        (folder / "cc").write_text(f"#!/bin/sh\n{compiler}\n")
        (folder / "cc").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/nowhere" if not compiler else f"{folder}:/usr/bin:/bin")
    with pytest.raises(NoLibraryError, match=reason):
        compiled.shared_library()
    kernels = Kernels()
    assert not isinstance(linear(torch.zeros(64, 64, dtype=torch.bfloat16), kernels=kernels), Native)
    assert re.search(reason, kernels.fault(Panels, CPU, torch.bfloat16))
    assert explain(CPU, torch.bfloat16, "none", kernels=kernels).startswith("products: weights reordered")
