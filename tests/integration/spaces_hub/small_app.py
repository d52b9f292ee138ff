"""A Space that answers with a text of its own and says what it finds around it: a server of the standard library."""

# The types of huggingface_hub are incomplete; what is known is still checked.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownLambdaType=false

from __future__ import annotations

import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

from huggingface_hub import CommitOperationAdd, HfApi

README = "---\ntitle: Été\nsdk: gradio\npython_version: '3'\n---\n"
APP = """
import http.server, json, os, sys, time

TEXT = open("text.txt", encoding="utf-8").read()
print("Démarré\\u2028ici", os.environ["SPACE_ID"], flush=True)


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        told = {
            "text": TEXT, "environment": dict(os.environ), "deployment": open("deployment.json").read(),
            "headers": dict(self.headers), "pid": os.getpid(),
        }
        body = json.dumps(told).encode()
        if self.path == "/slow":
            time.sleep(5)
        if self.path == "/die":
            os._exit(7)
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    do_POST = do_GET


http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""


def files_of(text: str) -> list[CommitOperationAdd]:
    files = {"README.md": README, "app.py": APP, "text.txt": text, "deployment.json": f'{{"says": {len(text)}}}'}
    return [CommitOperationAdd(path, content.encode()) for path, content in files.items()]


def until(told: Callable[[], Any], wanted: Callable[[Any], bool], seconds: float = 20) -> Any:
    """What is told once it is what is wanted."""
    end = time.monotonic() + seconds
    while not wanted(now := told()):
        assert time.monotonic() < end, now
        time.sleep(0.03)
    return now


def until_runs(api: HfApi, name: str, commit: str, seconds: float = 20) -> None:
    told = until(
        lambda: api.get_space_runtime(name),
        lambda told: told.raw.get("sha") == commit and (told.stage == "RUNNING" or told.stage.endswith("ERROR")),
        seconds,
    )
    assert told.stage == "RUNNING", [told.raw, *api.fetch_space_logs(name)]


def ask(url: str, method: str = "GET", **headers: str) -> tuple[int, bytes]:
    """The status and the body."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(url, method=method, headers=named, data=b"{}" if method == "POST" else None)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
