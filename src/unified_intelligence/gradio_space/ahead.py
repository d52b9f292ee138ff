"""Layers compiled ahead of time by `spaces.aoti_*`, where there is a ZeroGPU and a forward pass made of modules.

Only the step of one token is compiled, which is what writing consists of; longer pieces go as before. All layers
share one compilation, each with its own weights.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing
from importlib import import_module
from typing import TYPE_CHECKING, Any

from unified_intelligence.gradio_space.lending import OnGpu, lent
from unified_intelligence.interfaces.compilable import ICompilable

if TYPE_CHECKING:
    from unified_intelligence.interfaces.text_generator import ITextGenerator

SECONDS = 600  # that a GPU is held for compiling, once in the life of the process


def compile_ahead(generator: ITextGenerator, on_gpu: OnGpu | None) -> str:
    """What was done, or why nothing was, in a sentence. Raises what ZeroGPU and the compiler raise."""
    if on_gpu is None:
        return "Nothing is compiled ahead of time: there is no ZeroGPU here."
    if not isinstance(generator, ICompilable):
        return "Nothing is compiled ahead of time: the model is not made of torch modules."
    blocks = generator.blocks()
    if not blocks:
        return "Nothing is compiled ahead of time: this forward pass calls no modules. ENGINE=transformers does."

    def work(first: Any, second: Any, seconds: int) -> Generator[Any, None, None]:  # noqa: ARG001 - they have none
        yield _compiled(blocks[0], generator.run_blocks)

    with closing(lent(work, on_gpu)(None, None, SECONDS)) as results:
        compiled = next(results)
    for block in blocks:
        _use(block, compiled.archive_file)
    return f"{len(blocks)} layers were compiled ahead of time."


def _compiled(block: Any, run: Callable[[], None]) -> Any:
    import torch

    spaces: Any = import_module("spaces")
    with torch.no_grad():
        with spaces.aoti_capture(block) as call:
            run()
        return spaces.aoti_compile(torch.export.export(block, call.args, call.kwargs))


def _use(block: Any, archive: Any) -> None:
    """Steps of one token take the compiled way."""
    whole = block.forward
    lazy: Any = import_module("spaces.zero.torch.aoti").LazyAOTIModel
    import_module("spaces").aoti_patch(block, lazy(archive), call_method="step")

    def forward(states: Any) -> Any:
        return block.step(states) if states.shape[:-1].numel() == 1 else whole(states)

    block.forward = forward
