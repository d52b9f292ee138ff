"""Puts a trained folder into the package: calibrates it, scores it, records what it is made of.

    python -m training.embedded.release --run FOLDER [--bfcl FOLDER]

Writes src/unified_intelligence/embedded/model/, training/embedded/results.json and training/embedded/MODEL_CARD.md.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from training.embedded import bfcl, evaluate
from training.embedded.baseline import heuristic_call
from training.embedded.calibrate import calibrate_folder
from training.embedded.card import write_card
from training.embedded.conversations import MODEL
from unified_intelligence.embedded.router import FOLDER, SETTINGS, Router
from unified_intelligence.entities.tools import ToolSpec

HERE = Path(__file__).parent
RESULTS = HERE / "results.json"
PACKAGED = ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")
# What judges the weights or writes about them; all other modules decide them.
JUDGING = {"baseline.py", "bfcl.py", "calibrate.py", "card.py", "evaluate.py", "release.py"}
LIBRARIES = ("torch", "transformers", "tokenizers", "numpy")


def release(run: Path, bfcl_data: Path | None, calibration: int) -> None:
    for name in PACKAGED:
        shutil.copyfile(run / name, FOLDER / name)
    calibrate_folder(FOLDER, calibration)
    router = Router(FOLDER)
    cases = evaluate.read_cases(evaluate.CASES)
    scored = [evaluate.score(router, case) for case in cases]
    figures = {name: figure.as_dict() for name, figure in evaluate.figures(scored).items()}
    figures["never-seen schemas exact, baseline"] = _baseline(cases).as_dict()
    if bfcl_data:
        figures |= {name: figure.as_dict() for name, figure in bfcl.figures(router, bfcl_data).items()}
    results = {
        "date": datetime.now(UTC).date().isoformat(),
        "command": "python -m training.embedded.release",
        "figures": figures,
        "misses": [str(one.case["id"]) for one in scored if not all(one.marks.values())],
        "training": json.loads((run / "training.json").read_text(encoding="utf-8")),
        "calibration": json.loads((FOLDER / SETTINGS).read_text(encoding="utf-8"))["calibration"],
        "libraries": {name: version(name) for name in LIBRARIES},
        "sizes": sizes(FOLDER),
        "sha256": checksums(),
    }
    RESULTS.write_text(json.dumps(results, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    write_manifest()
    write_card()


def checksums() -> dict[str, str]:
    """Of what the weights follow from, and of the weights: phrasings and word lists count as one."""
    data = sorted(path for folder in ("phrasings", "words", "schemas") for path in (HERE / folder).rglob("*.txt"))
    code = sorted(path for path in HERE.glob("*.py") if path.name not in JUDGING)
    return {
        "recipe": _sha256([HERE / "recipe.json"]),
        "phrasings, words and schemas": _sha256(data),
        "training code": _sha256(code),
        "test cases": _sha256([evaluate.CASES]),
        "model.safetensors": _sha256([FOLDER / "model.safetensors"]),
    }


def write_manifest() -> None:
    """manifest.json beside the weights: the checksum and the size of every file the package ships with them."""
    files = sorted(path for path in FOLDER.iterdir() if path.name != "manifest.json")
    rows = {path.name: {"sha256": _sha256([path]), "bytes": path.stat().st_size} for path in files}
    (FOLDER / "manifest.json").write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


def sizes(folder: Path) -> Mapping[str, int]:
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    weights = Router(folder).model.parameters
    return {
        "parameters": weights,
        "bytes": (folder / "model.safetensors").stat().st_size,
        "vocabulary": config["vocab_size"],
        "layers": config["num_hidden_layers"],
        "width": config["hidden_size"],
    }


def _baseline(cases: Iterable[evaluate.Case]) -> evaluate.Figure:
    right = of = 0
    for case in cases:
        expected = case["call"]
        if case["kind"] != "unseen" or not isinstance(expected, Mapping):
            continue
        tools = case["tools"]
        assert isinstance(tools, list)
        specs = [ToolSpec(tool["name"], tool["description"], tool["parameters"]) for tool in tools]
        name, arguments = heuristic_call(str(case["query"]), specs)
        right += name == expected["name"] and evaluate.matches(arguments, expected["arguments"])
        of += 1
    return evaluate.Figure(right, of)


def _sha256(paths: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--bfcl", type=Path, help="folder of the function-calling leaderboard's data")
    parser.add_argument("--calibration", type=int, default=2000, help="held-out questions of each sort")
    options = parser.parse_args()
    assert MODEL == FOLDER
    release(options.run, options.bfcl, options.calibration)


if __name__ == "__main__":
    main()
