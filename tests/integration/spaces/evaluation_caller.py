"""What users of the official client write: python evaluation_caller.py URL prints what each call gave, as JSON."""

from __future__ import annotations

import json
import sys
from typing import Any

from gradio_client import Client  # pyright: ignore[reportMissingTypeStubs]
from gradio_client.exceptions import AppError  # pyright: ignore[reportMissingTypeStubs]

from tests.integration.spaces.gradio_caller import QUESTION, TOOL

LONG = {"sample_id": "cut", "messages": [{"role": "user", "content": QUESTION}], "generation": {"max_tokens": 20}}
EMPTY = {"sample_id": "empty", "messages": [{"role": "user", "content": " "}]}
CALL = {
    "sample_id": "call",
    "messages": [{"role": "user", "content": "What is the weather in Paris?"}],
    "generation": {"tools": [TOOL]},
}
SAMPLES: list[Any] = [
    {"sample_id": f"é {number}", "messages": [{"role": "user", "content": QUESTION}]} for number in range(3)
]


def main() -> None:
    library: Any = Client
    client: Any = library(sys.argv[1], verbose=False)
    samples = [*SAMPLES, LONG, EMPTY, CALL]
    told: dict[str, Any] = {
        "whole": list(
            client.submit(
                run_spec={"run_id": "w", "generation": {"temperature": 0}}, samples=samples,
                api_name="/run_full_evaluation",
            )
        ),
        "chunk": client.predict(run_spec={"run_id": "c"}, samples=samples[:2], api_name="/eval_chunk"),
        "manifest": client.predict(api_name="/eval_manifest"),
        "version": client.predict(api_name="/version"),
    }  # fmt: skip
    try:
        client.predict(run_spec={"run_id": "c", "temprature": 1}, samples=samples, api_name="/eval_chunk")
    except AppError as error:
        told["refused"] = [error.title, error.message]
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main()
