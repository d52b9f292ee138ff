"""A Space with OpenAI's API: a server of the standard library whose answers, and faults, are in its files."""

from __future__ import annotations

README = "---\ntitle: Modèle\nsdk: gradio\nsdk_version: 6.31.0\npython_version: '3.12'\n---\n"
ANSWER = "Oui : 240 €, dont 36 € de taxe 🙂\n\u2028fin"

APP = """
import hashlib, http.server, json, os, time

TEXT = open("answer.txt", encoding="utf-8").read()
MODE = os.environ.get("MODE", "")
print("Démarré\\u2028ici", os.environ["SPACE_ID"], os.environ.get("API_KEY", ""), flush=True)


def digest():
    names = json.load(open("deployment.json"))["files"]
    lines = (f"{name}\\0{hashlib.sha256(open(name, 'rb').read()).hexdigest()}\\n" for name in sorted(names))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


DIGEST = digest()
PATHS = {} if MODE == "no paths" else {"/v1/chat/completions": {}, "/version": {}}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        told = {
            "/version": {"content_digest": DIGEST},
            "/v1/models": {"object": "list", "data": [{"id": "petit", "object": "model"}]},
            "/openapi.json": {"openapi": "3.1.0", "paths": PATHS},
        }.get(self.path, {})
        self.say(json.dumps(told).encode(), "application/json")

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if MODE == "slow":
            time.sleep(1.1)
        text = "" if MODE == "empty" else TEXT
        reason = "length" if MODE == "length" else "stop"
        deltas = [{"delta": {"content": f"{word} "}} for word in text.split(" ")]
        choices = [{"index": 0, **one} for one in [*deltas, {"delta": {}, "finish_reason": reason}]]
        head = {"id": "1", "object": "chat.completion.chunk", "model": asked["model"]}
        lines = [json.dumps({**head, "choices": [one]}) for one in choices]
        lines.append(json.dumps({**head, "choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 12}}))
        self.say("".join(f"data: {line}\\n\\n" for line in [*lines, "[DONE]"]).encode(), "text/event-stream")

    def say(self, body, kind):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""


def sources(answer: str = ANSWER, **more: bytes) -> dict[str, bytes]:
    """The files of the Space's folder."""
    texts = {"README.md": README, "app.py": APP, "answer.txt": answer}
    return {**{path: text.encode() for path, text in texts.items()}, **more}
