"""The engine beside model.generate, `transformers serve` and the limits of the machine.

    python -m benchmarks.engine [--part NAME] [--quick] [--threads N] [--tokenizer FOLDER] [--llama FOLDER]

Each part is a process of its own and writes results/engine_<part>.json, after each of its cases. Without --part all but
`gpu` are run, and `llama` only where --llama names the folder of a llama.cpp built with shared libraries. The models
have random weights and a true shape. With --tokenizer, a folder with the tokenizer of Qwen3, words are as long as in
life; without it one of made-up words is used. Contenders take turns in each round; ratios are medians of the rounds'
own. Processor time is told beside the wall's, because the machine may have other work: on one thread (the default) it
is the fairer clock.
"""

from __future__ import annotations

import argparse
import importlib
import subprocess
import sys
from pathlib import Path

import torch

from benchmarks.engine.report import RESULTS, Asked

PARTS = ("decode", "whole", "served", "prefix", "tools", "memory", "pages", "llama", "gpu")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", choices=PARTS)
    parser.add_argument("--quick", action="store_true", help="a third of the rounds")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--tokenizer", type=Path)
    parser.add_argument("--device", default="cuda", help="of the part gpu; cpu tries the script itself")
    parser.add_argument("--tiny", action="store_true", help="the part gpu with a model of a few megabytes")
    parser.add_argument("--case", default="", help="of the part gpu, one alone, which writes nothing but its figures")
    parser.add_argument("--llama", type=Path, help="where libllama.so and llama-server are")
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args()
    if options.part is None:
        parts = [part for part in PARTS if part != "gpu" and (options.llama or part != "llama")]
        again = [sys.executable, "-m", "benchmarks.engine", *sys.argv[1:], "--part"]
        sys.exit(max(subprocess.call([*again, part]) for part in parts))
    torch.set_num_threads(options.threads)
    part = importlib.import_module(f"benchmarks.engine.{options.part}")
    asked = Asked(options.part, options.quick, options.threads, options.tokenizer, options.output, options.llama)
    asked.device, asked.tiny, asked.case = options.device, options.tiny, options.case
    part.measure(asked)


if __name__ == "__main__":
    main()
