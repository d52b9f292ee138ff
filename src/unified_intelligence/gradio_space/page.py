"""The chat page: a conversation, a line to write in, and how to answer."""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any, NamedTuple

import gradio as gr

from unified_intelligence.gradio_space import conversation
from unified_intelligence.gradio_space.conversation import ChatMessage, ShownAnswer
from unified_intelligence.gradio_space.event_json import EventJson
from unified_intelligence.gradio_space.frame import OWN, add_title

if TYPE_CHECKING:
    from unified_intelligence.gradio_space.answering import Answering

EXAMPLES = (
    "What is the monthly payment on 200,000 over 20 years at 3.5%?",
    "Explain the SOLID principles, with one example each.",
    "Quelle est la différence entre le TAEG et le taux nominal ?",
    "Combien de jours y a-t-il entre le 3 mars 2026 et le 14 juillet 2026 ?",
)
WAITING_FOR_GPU, READING = "Waiting for a GPU", "Reading the question"
_PAUSE = 0.08  # seconds between two looks of the page at what came
_HIGHEST_TEMPERATURE = 2.0

CSS = """
#chat { min-height: 20rem; }
#chat .placeholder-content { padding-top: var(--spacing-xxl); }
#chat .bot-row:has(.message > div > .message-content) .message:has(.thought-group) + .message-buttons { display: none; }
#chat .bot-row .message:has(.thought-group) + .message-buttons:has(~ .message) { display: none; }
"""


class _Controls(NamedTuple):
    """What the page is made of, as far as events need it."""

    chat: Any
    question: Any
    settings: list[Any]


class _Changes(NamedTuple):
    """What the window and the line to write in show after an event."""

    chat: Sequence[ChatMessage]
    question: Any


def add_page(answering: Answering, title: str, subtitle: str, at_once: int) -> None:
    """Adds the page to the Blocks that are open."""
    add_title(title, subtitle)
    chat = gr.Chatbot(
        elem_id="chat", show_label=False, label="Conversation", scale=1, height="60vh", layout="panel",
        buttons=["copy", "copy_all"], examples=[{"text": text} for text in EXAMPLES],
        placeholder="Ask something, or take one of these.", feedback_options=None,
    )  # fmt: skip
    question = gr.Textbox(
        elem_id="question", show_label=False, label="Question", placeholder="Your question", autofocus=True,
        lines=1, max_lines=8, submit_btn=True,
    )  # fmt: skip
    _add_events(answering, _Controls(chat, question, _settings(answering)), at_once)


def _settings(answering: Answering) -> list[Any]:
    """What an answer can be asked to be; what the model does not act on is not offered."""
    honoured, limits = answering.generator.honoured, answering.limits
    with gr.Accordion("Settings", open=False, elem_id="settings"):
        system = gr.Textbox(label="System prompt", lines=2, placeholder="Answer in one sentence.")
        with gr.Row():
            temperature = gr.Slider(
                0, _HIGHEST_TEMPERATURE, value=0.6, step=0.1, label="Temperature", visible="temperature" in honoured
            )
            most = gr.Slider(
                16, limits.max_tokens, value=limits.default_tokens, step=16, label="Most tokens", precision=0,
                visible="max_tokens" in honoured,
            )  # fmt: skip
        with gr.Row():
            thinking = gr.Checkbox(
                value=True, label="Think before answering", min_width=240, visible="thinking" in honoured
            )
            budget = gr.Slider(
                0, limits.max_tokens, value=0, step=64, label="Most tokens to think", info="0: as many as needed",
                precision=0, min_width=240, visible="thinking_budget" in honoured,
            )  # fmt: skip
    return [system, temperature, most, thinking, budget]


def _add_events(answering: Answering, controls: _Controls, at_once: int) -> None:
    chat, question, settings = controls
    both: list[Any] = [chat, question]
    turns = _Turns(answering)
    begun = [
        question.submit(turns.asked, [question, chat], both, queue=False, **OWN),
        chat.example_select(turns.chosen, [chat], both, queue=False, **OWN),
        chat.retry(turns.again, [chat], both, queue=False, **OWN),
    ]
    running = [
        event.then(turns.answered, [chat, *settings], chat, concurrency_id="answers", concurrency_limit=at_once, **OWN)
        for event in begun
    ]
    for event in running:
        event.then(_ready, None, question, queue=False, **OWN)
    # Only once the answer is cancelled is it marked: what was still on its way would write over the mark.
    cancelled = question.stop(None, cancels=running, queue=False, **OWN)
    cancelled.then(turns.ended, [chat], both, queue=False, **OWN)
    chat.undo(turns.undone, [chat], both, queue=False, **OWN)


class _Turns:
    """What happens in the window: who asks puts a waiting answer behind the question, which is then answered."""

    def __init__(self, answering: Answering) -> None:
        self._answering = answering
        self._waiting = WAITING_FOR_GPU if answering.waits_for_gpu else READING

    def asked(self, text: str | None, history: list[ChatMessage]) -> _Changes:
        if not (text and text.strip()):
            return _Changes(history, gr.update())
        waiting = ShownAnswer(self._waiting).messages()
        return _Changes([*history, conversation.question(text), *waiting], _writing())

    def chosen(self, history: list[ChatMessage], which: gr.SelectData) -> _Changes:
        return self.asked(which.value["text"], history)

    def again(self, history: list[ChatMessage], which: gr.RetryData) -> _Changes:
        at = _question_before(history, which.index)
        return self.asked(conversation.text_of(history[at]), history[:at])

    def undone(self, history: list[ChatMessage], which: gr.UndoData) -> _Changes:
        at = _question_before(history, which.index)
        return _Changes(history[:at], gr.update(value=conversation.text_of(history[at])))

    def answered(self, history: list[ChatMessage], *given: Any) -> Generator[list[ChatMessage], None, None]:
        if not history or conversation.title_of(history[-1]) != self._waiting:
            yield history  # a function that yields nothing empties the window
            return
        before = history[:-1]
        messages = [*_system(given[0]), *conversation.said_in(before)]
        for shown in _shown(self._answering, messages, _config(self._answering, given), self._waiting):
            yield [*before, *shown]

    def ended(self, history: list[ChatMessage]) -> _Changes:
        return _Changes(conversation.stopped(history), _ready())


def _writing() -> Any:
    """The line while an answer comes. Gradio takes an update apart when it uses it: each is a new one."""
    return gr.update(value="", submit_btn=False, stop_btn=True)


def _ready() -> Any:
    return gr.update(submit_btn=True, stop_btn=False)


def _shown(
    answering: Answering, messages: list[EventJson], config: EventJson, waiting: str
) -> Generator[list[ChatMessage], None, None]:
    """The messages of the answer, as often as somebody can follow."""
    answer, told = ShownAnswer(waiting), 0.0
    yield answer.messages()
    try:
        with closing(answering.events(messages, config)) as events:
            for event in events:
                answer.add(event)
                if time.perf_counter() - told > _PAUSE:
                    yield answer.messages()
                    told = time.perf_counter()
    except gr.Error as error:  # ZeroGPU's own: no quota, no GPU, a worker that died
        answer.add({"type": "error", "message": f"{error.title}: {error.message}", "hint": ""})
    yield answer.messages()


def _config(answering: Answering, given: Sequence[Any]) -> EventJson:
    _, temperature, most, thinking, budget = given
    wanted: dict[str, object] = {"temperature": temperature, "max_tokens": most, "thinking": thinking}
    if thinking and budget:
        wanted["thinking_budget"] = budget
    return {name: value for name, value in wanted.items() if name in answering.generator.honoured}


def _system(text: str | None) -> list[EventJson]:
    return [{"role": "system", "content": text}] if text and text.strip() else []


def _question_before(history: Sequence[Mapping[str, Any]], index: int | tuple[int, int]) -> int:
    """The place of the question that a message belongs to."""
    last = index if isinstance(index, int) else index[0]
    return next(at for at in range(min(last, len(history) - 1), -1, -1) if history[at]["role"] == "user")
