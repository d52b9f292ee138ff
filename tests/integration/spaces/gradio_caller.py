"""What users of the official client write: python gradio_caller.py URL prints what each call gave, as JSON."""

from __future__ import annotations

import json
import sys
from typing import Any

from gradio_client import Client  # pyright: ignore[reportMissingTypeStubs]
from gradio_client.exceptions import AppError  # pyright: ignore[reportMissingTypeStubs]

QUESTION = "Quelle est la mensualité de 200 000 € sur 20 ans à 3,5 % ?"
TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a city today.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


def main() -> None:
    library: Any = Client
    client: Any = library(sys.argv[1], verbose=False)
    parts = [{"role": role, "content": [{"type": "text", "text": "ça va 🎉"}]} for role in ("user", "assistant")]
    texts = [{"role": role, "content": "ça va 🎉"} for role in ("user", "assistant")]

    def respond(history: list[Any]) -> Any:
        return client.predict(QUESTION, history, "", 0.1, 300, api_name="/respond")

    def generate(content: str, **config: Any) -> list[Any]:
        messages = [{"role": "user", "content": content}]
        return list(client.submit(messages=messages, config=config, api_name="/generate"))

    told: dict[str, Any] = {
        "pairs": respond([]),
        "texts": respond(texts),
        "parts": respond(parts),
        "answer": generate(QUESTION, temperature=0, max_tokens=300),
        "call": generate("What is the weather in Paris?", tools=[TOOL]),
        "cut": generate(QUESTION, max_tokens=30),
        "unknown": generate(QUESTION, temprature=0),
        "version": client.predict(api_name="/version"),
    }
    try:
        client.predict("", [], "", 0.1, 300, api_name="/respond")
    except AppError as error:
        told["refused"] = [error.title, error.message]
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main()
