"""The evaluation page: samples in, a table of what became of each, and the result as a file. Nothing is scored here."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Generator, Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import uuid4

import gradio as gr

from unified_intelligence.entities.errors import UnifiedIntelligenceError
from unified_intelligence.gradio_space import eval_table
from unified_intelligence.gradio_space.eval_request import Run, read_run
from unified_intelligence.gradio_space.eval_result import RunResult, refusal
from unified_intelligence.gradio_space.eval_samples import read_samples
from unified_intelligence.gradio_space.frame import OWN, add_title
from unified_intelligence.gradio_space.page import EXAMPLES

if TYPE_CHECKING:
    from unified_intelligence.gradio_space.evaluating import Evaluating

CSS = eval_table.CSS
_PAUSE = 0.4  # seconds between two looks of the page at what came
_WHILE_RUNNING = 50  # rows, of which each look sends all
_KEPT = 3600  # seconds a page's result is kept after it was last used
_STOPPED = "Stopped. What was answered is in the file."


class _Shown(NamedTuple):
    """What the page shows: how far it is, the rows, the file, the run itself, and the two buttons."""

    state: Any
    table: Any
    file: Any
    result: Any
    begin: Any
    stop: Any


def add_page(evaluating: Evaluating, about: Mapping[str, Any], title: str, subtitle: str, at_once: int) -> None:
    """Adds the page to the Blocks that are open."""
    add_title(title, subtitle)
    samples = gr.Textbox(
        elem_id="given", label="Samples", value="\n".join(EXAMPLES), lines=6, max_lines=14,
        info='A question a line, or JSON Lines: {"sample_id": "...", "question": "..."} or {"messages": [...]}',
    )  # fmt: skip
    settings = _settings(evaluating)
    with gr.Row():
        opened = gr.UploadButton("Open a file", file_types=[".jsonl", ".json", ".txt"], min_width=120)
        begin = gr.Button("Evaluate", variant="primary", elem_id="begin", min_width=120)
        stop = gr.Button("Stop", variant="stop", elem_id="stop", visible=False, min_width=120)
        file = gr.DownloadButton("Download JSON", elem_id="file", visible=False, min_width=120)
    state = gr.HTML(elem_id="state", padding=False)
    table = gr.HTML(elem_id="samples", padding=False)
    result = gr.State(None, time_to_live=_KEPT)
    shown: list[Any] = [state, table, file, result, begin, stop]
    work = _Work(evaluating, about)
    opened.upload(_text_of, opened, samples, queue=False, **OWN)
    running = begin.click(
        work.evaluated, [samples, *settings], shown, concurrency_id="answers", concurrency_limit=at_once, **OWN
    )
    stop.click(None, cancels=[running], queue=False, **OWN).then(work.stopped, [result], shown, queue=False, **OWN)


def _settings(evaluating: Evaluating) -> list[Any]:
    honoured, limits = evaluating.generator.honoured, evaluating.limits
    with gr.Accordion("Settings", open=False, elem_id="settings"), gr.Row():
        temperature = gr.Slider(0, 2, value=0, step=0.1, label="Temperature", visible="temperature" in honoured)
        most = gr.Slider(
            16, limits.max_tokens, value=limits.default_tokens, step=16, label="Most tokens", precision=0,
            visible="max_tokens" in honoured,
        )  # fmt: skip
        thinking = gr.Checkbox(
            value=True, label="Think before answering", min_width=240, visible="thinking" in honoured
        )
    return [temperature, most, thinking]


class _Work:
    """What the two buttons do."""

    def __init__(self, evaluating: Evaluating, about: Mapping[str, Any]) -> None:
        self._evaluating, self._about = evaluating, about

    def evaluated(self, text: str, *given: Any) -> Generator[_Shown, None, None]:
        values = dict(zip(("temperature", "max_tokens", "thinking"), given, strict=True))
        wanted = {name: value for name, value in values.items() if name in self._evaluating.generator.honoured}
        try:
            run = read_run({"run_id": uuid4().hex, "generation": wanted}, read_samples(text or ""))
        except UnifiedIntelligenceError as error:
            yield _over(eval_table.state({}, "", f"{error.message} {error.hint}"), gr.update(), None)
            return
        result = RunResult(run, self._about)
        waiting = "Waiting for a GPU." if self._evaluating.waits_for_gpu else "The first samples are being answered."
        yield _Shown(
            eval_table.state(result.counts, waiting), "", gr.update(visible=False), result, _hidden(), _visible()
        )
        yield from self._calls(run, result)

    def stopped(self, result: RunResult | None) -> _Shown:
        if result is None:
            return _over(eval_table.state({}, "Stopped."), "", None)
        return _over(eval_table.state(result.counts, _STOPPED), _rows(result), result)

    def _calls(self, run: Run, result: RunResult) -> Generator[_Shown, None, None]:
        failure, told, shown = "", 0.0, 0
        try:
            while result.left:
                with closing(self._evaluating.call(run, result.left)) as steps:
                    for step in steps:
                        result.add(step.records)
                        now, there = time.perf_counter(), len(result.records)
                        if step.notice or (there > shown and now - told > _PAUSE):
                            told, shown = now, there
                            words = step.notice or f"{there} of {len(run.tasks)} samples."
                            yield _going(eval_table.state(result.counts, words), _rows(result, _WHILE_RUNNING))
                        else:
                            yield _going(gr.update(), gr.update())
        except UnifiedIntelligenceError as error:
            failure = f"{error.message} {error.hint}".strip()
        except gr.Error as error:  # ZeroGPU's own: no quota, no GPU, a worker that died
            failure = refusal(error)["message"]
        words = "" if failure else f"{_all_done(len(run.tasks))} Nothing is scored here."
        yield _over(eval_table.state(result.counts, words, failure), _rows(result), result)


def _all_done(planned: int) -> str:
    return "The sample is done." if planned == 1 else f"All {planned} samples are done."


def _going(state: Any, table: Any) -> _Shown:
    """The result is the same object all the time: who stops the run finds in it what came."""
    return _Shown(state, table, gr.update(), gr.update(), gr.update(), gr.update())


def _over(state: str, table: Any, result: RunResult | None) -> _Shown:
    there = result is not None and bool(result.records)
    file = gr.update(visible=there, value=_file(result) if result and there else None)
    return _Shown(state, table, file, result, gr.update(visible=True), gr.update(visible=False))


def _rows(result: RunResult, most: int = eval_table.MOST_ROWS) -> str:
    return eval_table.table(result.records, {task.name: _question(task.messages) for task in result.tasks}, most)


def _file(result: RunResult) -> str:
    told = result.told()
    path = Path(tempfile.mkdtemp(prefix="evaluation-")) / f"evaluation-{told['run_id'][:12]}.json"
    path.write_text(json.dumps(told, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    return str(path)


def _question(messages: list[Any]) -> str:
    last: Any = messages[-1] if messages else None
    return str(last.get("content", "")) if isinstance(last, dict) else ""  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]


def _text_of(path: str) -> str:
    return Path(path).read_text(encoding="utf-8", errors="replace")


def _visible() -> Any:
    return gr.update(visible=True)


def _hidden() -> Any:
    return gr.update(visible=False)
