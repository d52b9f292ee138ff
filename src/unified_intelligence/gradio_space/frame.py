"""What both pages have in common: the title, the switch between light and dark, how wide it is."""

from __future__ import annotations

from typing import Any

import gradio as gr

CSS = """
.gradio-container { max-width: 60rem !important; width: 100% !important; margin: 0 auto !important; }
#title { align-items: center; flex-wrap: nowrap; }
#title h1 { margin: 0; font-size: 1.25rem; overflow-wrap: anywhere; }
#title p { margin: 0; opacity: 0.75; }
footer .divider { display: none; }
.gradio-container { --body-text-color-subdued: #63636b; --block-info-text-color: #63636b;
  --input-placeholder-color: #63636b; }
.dark .gradio-container { --body-text-color-subdued: #b4b4bc; --block-info-text-color: #b4b4bc;
  --input-placeholder-color: #b4b4bc; }
"""
OWN: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
"""Of an event of a page: it is no endpoint, and the page itself says how far it is."""

_SWITCH_THEME = "() => { document.body.classList.toggle('dark'); }"


def add_title(title: str, subtitle: str) -> None:
    """Adds the title to the Blocks that are open."""
    with gr.Row(elem_id="title"):
        gr.Markdown(f"# {title}\n{subtitle}", container=False)
        theme = gr.Button("Light / dark", size="sm", scale=0, min_width=100)
    theme.click(None, js=_SWITCH_THEME, api_visibility="private")
