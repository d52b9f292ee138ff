"""One model of random weights with Qwen3's own vocabulary and template; where they cannot be had, a skip says why."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.one_thread import one_thread
from tests.true_qwen3 import NotToBeHadError, build, vocabulary
from unified_intelligence.adapters.llm.transformers_adapter import TransformersAdapter
from unified_intelligence.engine.load import Loaded

__all__ = ["one_thread"]  # a fixture, taken in by name


@pytest.fixture(scope="session")
def folder() -> Path:
    """Of the tokenizer, for all tests of this machine: nothing is to be written there."""
    try:
        return vocabulary()
    except NotToBeHadError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def local(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TransformersAdapter]:
    """Every token is about as likely as every other."""
    adapter = TransformersAdapter(model=str(build(tmp_path_factory.mktemp("model"))), threads=1)
    yield adapter
    adapter.close()


@pytest.fixture(scope="session")
def loaded(local: TransformersAdapter) -> Loaded:
    return local._ready().loaded


@pytest.fixture(scope="session")
def reference(folder: Path) -> Any:
    """Transformers' own reading of the folder."""
    from transformers import AutoTokenizer

    loader: Any = AutoTokenizer
    return loader.from_pretrained(folder)
