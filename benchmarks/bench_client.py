"""How far the client of `uic bench` is off: against a server of known schedule, by when that server really sent.

    python benchmarks/bench_client.py [--concurrency 16,64,256] [--waves N] [--output FILE]

Client and server share this machine. Each concurrency is filled so often (and once before, to warm up): an answer is
50 tokens, the first after 200 ms, then one each 20 ms. Beside it a Poisson load of 400 requests a second, and answers
of one token as fast as one process of the client takes them. An error is the client's time less the server's own.
"""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from unified_intelligence.benchmark.calibrate import CONCURRENCIES, calibrate

WORTH_TELLING = [
    "errors: *: ttft_error_mean_ms",
    "errors: *: ttft_error_p99_ms",
    "errors: *: itl_error_p99_ms",
    "errors: *: of_ideal_rate",
    "errors: *: cpu_s_per_1000",
    "open: delivered_per_s",
    "one_token: requests_per_s",
]
OUTPUT = Path(__file__).parent / "results" / "bench_client.json"


def rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, dict):
        return {name: rounded(own) for name, own in cast("dict[str, Any]", value).items()}
    return [rounded(own) for own in cast("list[Any]", value)] if isinstance(value, list) else value


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--concurrency", default=",".join(map(str, CONCURRENCIES)))
    parser.add_argument("--waves", type=int, default=5)
    parser.add_argument("--output", type=Path, default=OUTPUT)
    asked = parser.parse_args()
    found = calibrate([int(own) for own in asked.concurrency.split(",")], asked.waves)
    result = {
        "command": f"python benchmarks/bench_client.py --concurrency {asked.concurrency} --waves {asked.waves}",
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "note": "client and server on two cores that other work shared: the load average is in `machine`",
        "worth telling": WORTH_TELLING,
        "errors": {f"{own['concurrency']} at once": rounded(own) for own in found["errors"]},
        **{name: rounded(found[name]) for name in ("schedule", "open", "one_token")},
        "machine": {name: found["machine"][name] for name in ("system", "cpus", "python", "load_average")},
    }
    asked.output.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
