"""A chat as others write it: /respond, whose conversation grows."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import gradio as gr


def respond(message: str, history: list[Any]) -> Iterator[tuple[str, list[Any]]]:
    said = [*history, {"role": "user", "content": message}]
    for end in ("Là-bas.", "Là-bas.\nZürich", "Là-bas.\nZürich 🙂"):
        time.sleep(0.02)
        yield "", [*said, {"role": "assistant", "content": end}]


with gr.Blocks(analytics_enabled=False) as blocks:
    chatbot = gr.Chatbot()
    question = gr.Textbox()
    question.submit(respond, [question, chatbot], [question, chatbot], api_name="respond")

if __name__ == "__main__":
    blocks.queue().launch(show_error=True)
