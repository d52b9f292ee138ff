"""A Space from its settings: the model placed, the endpoints, the page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

try:
    import gradio as gr
except ImportError as missing:
    from unified_intelligence.entities.errors import MissingDependencyError

    raise MissingDependencyError("A Gradio Space", missing.name or "gradio", "space") from missing

from unified_intelligence import __version__
from unified_intelligence.config.space import SpaceSettings
from unified_intelligence.factories.provider_factory import ProviderFactory
from unified_intelligence.gradio_space.answering import Answering, AnswerLimits, OnGpu
from unified_intelligence.gradio_space.endpoints import add_endpoints
from unified_intelligence.gradio_space.page import CSS, add_page
from unified_intelligence.interfaces.tokenizer import ITokenizer
from unified_intelligence.serving.build import about
from unified_intelligence.spaces.content import FILE_NAME, told

if TYPE_CHECKING:
    from unified_intelligence.interfaces.text_generator import ITextGenerator


def new_space(settings: SpaceSettings, folder: Path, on_gpu: OnGpu | None = None) -> gr.Blocks:
    """The app of the Space in a folder, with its queue. `on_gpu` is how ZeroGPU does work; None where there is none.

    Raises what the settings and the model raise.
    """
    name, options = settings.provider()
    generator = ProviderFactory().create(name, **options)
    _place(generator)
    told_about = _about(settings, name, folder)
    limits = AnswerLimits(
        max_tokens=settings.max_tokens, default_tokens=settings.default_tokens, seconds=settings.gpu_seconds,
        start=settings.gpu_start, reads=settings.gpu_reads, writes=settings.gpu_writes,
    )  # fmt: skip
    answering = Answering(generator, limits, build=str(told_about["digest"]), on_gpu=on_gpu)
    title = str(told_about["model"])
    with gr.Blocks(title=title, fill_height=True, analytics_enabled=False) as blocks:
        add_page(answering, title, _subtitle(told_about), settings.answers_at_once)
        add_endpoints(answering, told_about, settings.answers_at_once)
    return blocks.queue(max_size=settings.answers_waiting)


def launch(blocks: gr.Blocks, *, host: str | None = None, port: int | None = None) -> None:
    """Serves until the process ends. Gradio takes what is None from its own variables."""
    blocks.launch(server_name=host, server_port=port, css=CSS, show_error=True, footer_links=["api"])


def _place(generator: ITextGenerator) -> None:
    """Loads the model here and now, in this thread: the one whose tensors ZeroGPU moves to its GPUs."""
    if isinstance(generator, ITokenizer):
        generator.longest_context  # noqa: B018 - nothing else loads in the calling thread


def _about(settings: SpaceSettings, backend: str, folder: Path) -> dict[str, object]:
    path = Path(settings.model_id)
    model = path.name if path.is_dir() else settings.model_id
    own = about(version=__version__, backend=backend, model=model, revision=settings.model_revision or None)
    record = folder / FILE_NAME
    return own | (told(record) if record.is_file() else {})


def _subtitle(told_about: dict[str, object]) -> str:
    revision = f", revision {str(told_about['revision'])[:12]}" if told_about["revision"] else ""
    return f"By {told_about['backend']}{revision}. Version {told_about['version']}, build {told_about['digest']}."
