"""A Gradio app with the endpoints of our Spaces over the echo provider. `python gradio_echo_space.py [ENDPOINT...]`.

It prints its address, and ends when its stdin is closed. What a question says makes it fail in the way that is named;
`GET /seen` tells how many answers were begun, ended and cancelled.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import gradio as gr

from unified_intelligence.adapters.llm.echo_adapter import EchoAdapter
from unified_intelligence.entities.generation import Finished, GenerationConfig, TextDelta

QUOTA = "You have exceeded your Pro ZeroGPU quota (60s requested vs. 10s left). Try again in 1:02:03. Add credits"
SEEN = {"begun": 0, "ended": 0, "cancelled": 0}
PLAYED: dict[str, list[dict[str, Any]]] = {
    "own error": [{"type": "error", "kind": "context_length", "message": "Too long: 9 tokens.", "retryable": False}],
    "thinks and calls": [
        {"type": "reasoning", "text": "Hmm… 🤔"},
        {"type": "tool_call", "index": 0, "id": "c1", "name": "add", "arguments": '{"a": '},
        {"type": "of a later version"},
        {"type": "tool_call", "index": 0, "arguments": "1}"},
        {"type": "end", "finish_reason": "tool_calls"},
    ],
}
_lock = threading.Lock()


def _count(what: str) -> None:
    with _lock:
        SEEN[what] += 1


def _events(messages: list[dict[str, Any]], config: dict[str, Any], delay: float) -> Iterator[dict[str, Any]]:
    wanted = GenerationConfig(max_tokens=config.get("max_tokens"))
    yield {"type": "notice", "text": "A GPU is being allocated"}
    for event in EchoAdapter(delay=delay).stream(messages, wanted):
        if isinstance(event, TextDelta):
            yield {"type": "delta", "text": event.text}
        elif isinstance(event, Finished) and event.usage is not None:
            usage = {"prompt_tokens": event.usage.prompt_tokens, "completion_tokens": event.usage.completion_tokens}
            yield {"type": "end", "finish_reason": event.finish_reason, "usage": usage, "build": "sha256:0"}


def _clock(ticks: int) -> Iterator[dict[str, Any]]:
    """When each piece was sent, in seconds of a clock that all processes of a machine share, every 20 ms."""
    for _ in range(ticks):
        time.sleep(0.02)
        yield {"type": "delta", "text": f"{time.monotonic()} "}
    yield {"type": "end", "finish_reason": "stop"}


def generate(messages: list[dict[str, Any]], config: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Typed events."""
    question = str(messages[-1]["content"])
    _count("begun")
    try:
        if question == "quota":
            raise gr.Error(QUOTA, title="ZeroGPU quota exceeded")
        if question == "bug":
            raise ValueError("secret of the Space")
        if question == "config":
            yield {"type": "delta", "text": repr(sorted(config.items(), key=lambda item: item[0]))}
            yield {"type": "end", "finish_reason": "stop"}
        elif question.startswith("clock "):
            yield from _clock(int(question.split()[1]))
        elif question in PLAYED:
            yield from PLAYED[question]
        else:
            yield from _events(messages, config, 0.05 if question.startswith("slowly") else 0.0)
        _count("ended")
    except GeneratorExit:
        _count("cancelled")
        raise


def version() -> dict[str, str]:
    """What runs."""
    return {"version": "0", "backend": "echo", "model": "echo", "revision": "0", "digest": "sha256:0"}


def seen() -> dict[str, int]:
    """The counts so far."""
    return dict(SEEN)


def respond(message: str, chat_history: list[Any], sys_prompt: str, temp: float, max_tok: float) -> Iterator[Any]:
    """The conversation so far, in the shape of the Gradio that runs."""
    said = ""
    if message == "quota":
        raise gr.Error(QUOTA)
    if message == "bug":
        raise ValueError("secret of the Space")
    for word in [*message.splitlines(keepends=True), f" [{len(chat_history)}|{sys_prompt}|{temp:g}|{max_tok:g}]"]:
        said += word
        if CHATBOT.get("type") == "tuples" or (not CHATBOT and MAJOR < 6):
            yield "", [*chat_history, [message, said]]
        else:
            turns = [{"role": "user", "content": message}, {"role": "assistant", "content": said}]
            yield "", [*chat_history, *turns]


async def held(message: str, chat_history: list[Any], sys_prompt: str, temp: float, max_tok: float) -> tuple[str, Any]:
    """The whole conversation at once, after a while."""
    _count("begun")
    try:
        await asyncio.sleep(20)
    except asyncio.CancelledError:
        _count("cancelled")
        raise
    _count("ended")
    return "", [*chat_history, {"role": "assistant", "content": message}]


def app(endpoints: set[str]) -> gr.Blocks:
    with gr.Blocks() as page:
        if endpoints & {"respond", "held"}:
            history, message = gr.Chatbot(**CHATBOT), gr.Textbox()
            others = [gr.Textbox("be brief"), gr.Slider(0, 2, 0.7), gr.Slider(1, 4096, 512)]
            answer: Any = held if "held" in endpoints else respond
            message.submit(answer, [message, history, *others], [message, history], api_name="respond")
        api: Any = vars(gr).get("api")  # 4 has none
        if "generate" in endpoints:
            api(generate, api_name="generate", concurrency_limit=40)
        if "eval_chunk" in endpoints:
            add_evaluation()  # with its own /version
        elif "version" in endpoints:
            api(version, api_name="version", queue=False)
        if "version" in endpoints:
            api(seen, api_name="seen", queue=False)
    return page


def add_evaluation() -> None:
    """The endpoints of the evaluation Space itself, over the echo provider."""
    from unified_intelligence.gradio_space.eval_endpoints import add_endpoints
    from unified_intelligence.gradio_space.evaluating import Evaluating
    from unified_intelligence.gradio_space.limits import AnswerLimits

    add_endpoints(Evaluating(EchoAdapter(), AnswerLimits(), at_once=8), {"model": {"id": "echo"}}, version(), 40)


MAJOR = int(gr.__version__.partition(".")[0])
CHATBOT: dict[str, Any] = {"type": "messages"} if "messages" in sys.argv and MAJOR < 6 else {}

if __name__ == "__main__":
    chosen = {word for word in sys.argv[1:] if word != "messages"}
    blocks = app(chosen or {"generate", "respond", "eval_chunk", "version"})
    _, url, _ = blocks.queue(max_size=60).launch(server_name="127.0.0.1", prevent_thread_lock=True, quiet=True)
    sys.stdout.write(f"{url.rstrip('/')}\n")
    sys.stdout.flush()
    sys.stdin.read()
