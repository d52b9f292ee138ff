"""Keeps what another version of Gradio sends: `python -m tests.record_gradio PYTHON [messages]`, from the root.

PYTHON is that of an environment with that version, such as one of

    pip install gradio==5.49.1
    pip install gradio==4.44.1 'huggingface_hub<0.26' 'pydantic<2.11' 'fastapi<0.113' 'starlette<0.40'

The echo Space is started there, its /respond is called by hand, and what came is written to tests/recorded_gradio/.
"""

from __future__ import annotations

import json
import sys
import urllib.request
from pathlib import Path
from typing import Any

from tests.gradio_app import gradio_app

FOLDER = Path(__file__).with_name("recorded_gradio")
QUESTION = "Ça va ?\n 12,50 €  🙂\u2028fin"


def fetch(url: str, body: object = None) -> bytes:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.read()


def called(api: str, message: str) -> str:
    """The stream of a call of /respond without a history."""
    arguments: list[object] = [message, list[object](), "sois bref", 0.5, 77]
    event = json.loads(fetch(f"{api}/call/respond", {"data": arguments}))["event_id"]
    return fetch(f"{api}/call/respond/{event}").decode()


def trimmed_config(config: dict[str, Any]) -> dict[str, Any]:
    """What is of use of /config, as it came."""
    chatbots = [
        {"id": one["id"], "type": one["type"], "props": {"type": one["props"].get("type")}}
        for one in config["components"]
        if one["type"] == "chatbot"
    ]
    calls = [{"api_name": one.get("api_name"), "inputs": one["inputs"]} for one in config["dependencies"]]
    kept = {name: config[name] for name in ("version", "api_prefix", "protocol") if name in config}
    return {**kept, "components": chatbots, "dependencies": calls}


def trimmed_info(info: dict[str, Any]) -> dict[str, Any]:
    parameters = [
        {name: value for name, value in one.items() if name.startswith("parameter_")}
        for one in info["named_endpoints"]["/respond"]["parameters"]
    ]
    return {"named_endpoints": {"/respond": {"parameters": parameters}}}


def main(python: str, *words: str) -> None:
    with gradio_app("respond", *words, python=python) as app:
        config = json.loads(fetch(f"{app.url}/config"))
        api = f"{app.url}{config.get('api_prefix', '')}"
        recorded = {
            "config": trimmed_config(config),
            "info": trimmed_info(json.loads(fetch(f"{api}/info"))),
            "answer": called(api, QUESTION),
            "quota": called(api, "quota"),
            "bug": called(api, "bug"),
        }
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"{config['version']}{''.join(f'-{word}' for word in words)}.json"
    path.write_text(json.dumps(recorded, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    sys.stdout.write(f"{path}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
