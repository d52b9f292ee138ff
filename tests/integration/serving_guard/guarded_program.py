"""The guarded server as a process: its URL on stdout, its log on stderr. Arguments: delay and grace in seconds."""

from __future__ import annotations

import sys

from unified_intelligence.adapters.llm.echo_adapter import EchoAdapter
from unified_intelligence.serving.admission import Admission, Limits
from unified_intelligence.serving.app import new_app
from unified_intelligence.serving.layers import Guard, guarded, reported
from unified_intelligence.serving.metrics import Metrics
from unified_intelligence.serving.operation import operation_routes
from unified_intelligence.serving.request_log import Log
from unified_intelligence.serving.run import Serving, run
from unified_intelligence.serving.service import Service


def _announce(url: str) -> None:
    sys.stdout.write(url + "\n")
    sys.stdout.flush()


def main() -> int:
    delay, grace = map(float, [*sys.argv[1:], *("0", "10")[len(sys.argv) - 1 :]])
    service = Service(EchoAdapter(delay=delay), "le-modèle", Admission(Limits()), {"version": "1.2.3"})
    metrics, log = Metrics(service), Log()
    app = guarded(new_app(service, [operation_routes(metrics)]), metrics, Guard(log=log))
    with reported(log):
        return run(app, service, Serving(port=0, grace=grace), _announce)


if __name__ == "__main__":
    sys.exit(main())
