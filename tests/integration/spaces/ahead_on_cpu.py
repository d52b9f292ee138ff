"""Layers compiled by `spaces` on this machine's CPU: python ahead_on_cpu.py FOLDER prints what came of it, as JSON.

The part of `spaces` that compiles knows no CUDA, but lies in a package whose beginning wants one: it is left out.
"""

from __future__ import annotations

import json
import sys
import types
from importlib.util import find_spec
from pathlib import Path

from tests.tiny_qwen3 import build_speaker
from unified_intelligence.adapters.llm.transformers_adapter import TransformersAdapter
from unified_intelligence.gradio_space.ahead import compile_ahead

TEXT = "Ça va ? 🎉 bien"


def without_cuda() -> None:
    found = find_spec("spaces")
    assert found is not None and found.origin is not None
    package = types.ModuleType("spaces.zero.torch")
    package.__path__ = [str(Path(found.origin).parent / "zero" / "torch")]
    sys.modules[package.__name__] = package


def main() -> None:
    without_cuda()
    model = build_speaker(Path(sys.argv[1]) / "speaker", TEXT)
    generator = TransformersAdapter(model=str(model), engine="transformers", threads=1)
    before = generator.generate("x").text
    told = compile_ahead(generator, lambda work, seconds: work)
    after = generator.generate("x").text
    used = [not block.step.first_call for block in generator.blocks()]
    sys.stdout.write(json.dumps({"before": before, "told": told, "after": after, "used": used}))


if __name__ == "__main__":
    main()
