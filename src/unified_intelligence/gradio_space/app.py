"""A Space from its settings: the model placed, the endpoints, the page."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

try:
    import gradio as gr
except ImportError as missing:
    from unified_intelligence.entities.errors import MissingDependencyError

    raise MissingDependencyError("A Gradio Space", missing.name or "gradio", "space") from missing

from unified_intelligence import __version__
from unified_intelligence.config.space import EvaluationSettings, SpaceSettings, read_space_settings
from unified_intelligence.factories.provider_factory import ProviderFactory
from unified_intelligence.gradio_space import eval_endpoints, eval_page, frame, page
from unified_intelligence.gradio_space.ahead import compile_ahead
from unified_intelligence.gradio_space.answering import Answering
from unified_intelligence.gradio_space.endpoints import add_endpoints
from unified_intelligence.gradio_space.evaluating import Evaluating
from unified_intelligence.gradio_space.lending import OnGpu, zero_gpu
from unified_intelligence.gradio_space.limits import AnswerLimits
from unified_intelligence.interfaces.tokenizer import ITokenizer
from unified_intelligence.serving.build import about
from unified_intelligence.spaces.content import FILE_NAME, told

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from unified_intelligence.interfaces.text_generator import ITextGenerator

_LARGEST_FILE = "8mb"  # of samples that are opened on the page: more go to the endpoint
_T = TypeVar("_T")
log = logging.getLogger("unified_intelligence.gradio_space")


class _Placed(NamedTuple):
    """A model that is ready, how a GPU is lent to it, and what is told of it."""

    generator: ITextGenerator
    limits: AnswerLimits
    on_gpu: OnGpu | None
    about: Mapping[str, object]


def new_chat_space(variables: Mapping[str, str], folder: Path) -> gr.Blocks:
    """The app of the Space in a folder that answers questions, with its queue.

    Raises what the settings and the model raise.
    """
    settings = read_space_settings(variables)
    placed = _placed(settings, folder)
    answering = Answering(placed.generator, placed.limits, build=str(placed.about["digest"]), on_gpu=placed.on_gpu)
    title = str(placed.about["model"])

    def build() -> gr.Blocks:
        with gr.Blocks(title=title, fill_height=True, analytics_enabled=False) as blocks:
            page.add_page(answering, title, _subtitle(placed.about), settings.answers_at_once)
            add_endpoints(answering, placed.about, settings.answers_at_once)
        return blocks.queue(max_size=settings.answers_waiting)

    return _in_a_loop(build)


def new_evaluation_space(variables: Mapping[str, str], folder: Path) -> gr.Blocks:
    """The app of the Space in a folder that evaluates, with its queue. Raises what `new_chat_space` raises."""
    settings = read_space_settings(variables, EvaluationSettings)
    placed = _placed(settings, folder)
    evaluating = Evaluating(placed.generator, placed.limits, at_once=settings.samples_at_once, on_gpu=placed.on_gpu)
    result = _told_in_results(settings, placed)
    title = f"Evaluate {placed.about['model']}"

    def build() -> gr.Blocks:
        with gr.Blocks(title=title, analytics_enabled=False) as blocks:
            eval_page.add_page(evaluating, result, title, _subtitle(placed.about), settings.answers_at_once)
            eval_endpoints.add_endpoints(evaluating, result, placed.about, settings.answers_at_once)
        return blocks.queue(max_size=settings.answers_waiting)

    return _in_a_loop(build)


def launch(blocks: gr.Blocks, *, host: str | None = None, port: int | None = None) -> None:
    """Serves until the process ends. Gradio takes what is None from its own variables."""
    css = f"{frame.CSS}{page.CSS}{eval_page.CSS}"
    _in_a_loop(
        lambda: blocks.launch(
            server_name=host, server_port=port, css=css, show_error=True, footer_links=["api"],
            max_file_size=_LARGEST_FILE, prevent_thread_lock=True,
        )
    )  # fmt: skip
    blocks.block_thread()


def _in_a_loop(work: Callable[[], _T]) -> _T:
    """Does it while an event loop runs in this thread.

    Otherwise Gradio opens a loop for each of its locks and forgets it, and Python tells of every one in the log.
    """

    async def do() -> _T:
        return work()

    return asyncio.run(do())


def _place(generator: ITextGenerator) -> None:
    """Loads the model here and now, in this thread: the one whose tensors ZeroGPU moves to its GPUs."""
    if isinstance(generator, ITokenizer):
        generator.longest_context  # noqa: B018 - nothing else loads in the calling thread


def _placed(settings: SpaceSettings, folder: Path) -> _Placed:
    on_gpu = zero_gpu(settings.gpu_size)  # before torch, for which it stands in until there is a GPU
    name, options = settings.provider()
    generator = ProviderFactory().create(name, **options)
    _place(generator)
    if settings.aot_compile == "on":
        log.warning(compile_ahead(generator, on_gpu))
    limits = AnswerLimits(
        max_tokens=settings.max_tokens, default_tokens=settings.default_tokens, seconds=settings.gpu_seconds,
        start=settings.gpu_start, reads=settings.gpu_reads, writes=settings.gpu_writes,
    )  # fmt: skip
    return _Placed(generator, limits, on_gpu, _about(settings, name, folder))


def _told_in_results(settings: SpaceSettings, placed: _Placed) -> dict[str, Any]:
    """What a result says of who computed it."""
    own = placed.about
    return {
        "tool": {"version": own["version"], "digest": own["digest"]},
        "executor": {"kind": "space", "space": settings.space_id or None, "hardware": settings.accelerator or None},
        "model": {
            "provider": own["backend"], "id": own["model"], "revision": own["revision"], "adapter": None,
            "dtype": None if settings.is_embedded else settings.dtype,
            "quantization": None if settings.is_embedded else settings.quantization, "route": "gradio",
        },
    }  # fmt: skip


def _about(settings: SpaceSettings, backend: str, folder: Path) -> dict[str, object]:
    path = Path(settings.model_id)
    model = path.name if path.is_dir() else settings.model_id
    own = about(version=__version__, backend=backend, model=model, revision=settings.model_revision or None)
    record = folder / FILE_NAME
    return own | (told(record) if record.is_file() else {})


def _subtitle(told_about: Mapping[str, object]) -> str:
    revision = f", revision {str(told_about['revision'])[:12]}" if told_about["revision"] else ""
    return f"By {told_about['backend']}{revision}. Version {told_about['version']}, build {told_about['digest']}."
