"""The leaderboard's files of version 4, as its repository had them at one commit and as its package bfcl-eval 2026.3.23
has them. The dataset on the Hub is known to hold version 3; a copy of version 4 there is taken by its own name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, NamedTuple

from unified_intelligence.evaluation.pinned_files import PinnedFile, pinned

if TYPE_CHECKING:
    from unified_intelligence.evaluation.suite import Choice

COMMIT: Final = "6ea57973c7a6097fd7c5915698c54c17c5b1b6c8"
VERSION: Final = f"v4@{COMMIT[:7]}"
LICENCE: Final = "Apache-2.0"
UPSTREAM: Final = (
    f"https://raw.githubusercontent.com/ShishirPatil/gorilla/{COMMIT}/berkeley-function-call-leaderboard/bfcl_eval/data"
)


class Files(NamedTuple):
    """Names below the data folder with their SHA-256; `answers` is "" where no call is right."""

    questions: str
    questions_sha256: str
    answers: str = ""
    answers_sha256: str = ""


def _files(category: str, questions: str, answers: str = "") -> Files:
    name = f"BFCL_v4_{category}.json"
    return Files(name, questions, f"possible_answer/{name}" if answers else "", answers)


FILES: Final[Mapping[str, Files]] = {
    "simple_python": _files(
        "simple_python",
        "82dd63ba502eb2520c6b5d1d9a5c4b590e03ff261565175561f6228a367d1991",
        "90cd5bc653690ee8e459b5b3f3fc9458606f7f3fcbf795bb51b7dc581f8c86dc",
    ),
    "multiple": _files(
        "multiple",
        "aef168155ebd74b7ac2401198b201343bc7d16d7a3d7e0d4e6d8ee82c6969b2a",
        "244e00ce9395df948bcafc7bee64e8f9c87ef70887587d83cae45b13699f3047",
    ),
    "parallel": _files(
        "parallel",
        "19f51a82eff42e5d62541aa500115a056eb78f437c2ba1f10415fd7c8e5dda84",
        "8a6aa19c1adddc6a5a2f7e40f9dbf30cc7e95815e7b830c90589ab318229e0f0",
    ),
    "parallel_multiple": _files(
        "parallel_multiple",
        "8863ea8433239f55c5f016154cf0830853c89f693c6ea270396a2fa121960579",
        "5ebf24f458c1f16300c05505d83d6f0a1b68b79be273a033febd0d4f840507e3",
    ),
    "irrelevance": _files("irrelevance", "2b6ed4c2e992cdcf5f1678a701851f944bef7550ee026ed1ddb89efed5be01a6"),
    "live_simple": _files(
        "live_simple",
        "1af2ac87dca47556db7b7e37e51e28b459a38b594e3c7b3c792b4903598ca0c4",
        "fec9cfa9744a936f9126981e85a2023da1e63e273eafebc81923a1162fad70ce",
    ),
    "live_multiple": _files(
        "live_multiple",
        "fd8ccfad4d911420d0e3341dbe2fff77d1d341da934248b9bb2bda24ab3a10c8",
        "97e90d59c5bd76c55a2920ce93e5566e9046307d3f558578f085f9d3a56c3084",
    ),
    "live_parallel": _files(
        "live_parallel",
        "6c26e9fdc3350cf596e6d1ea9c179cbff834761bccf562f4141ed29a839ca421",
        "8a9f189ff0e832ebbbbdade1fd95a7dbcc67406e9177df3f0aad76f59ab00350",
    ),
    "live_parallel_multiple": _files(
        "live_parallel_multiple",
        "21d4b9319c1faac431e22757b367ea28917fe467364c3a4b17f16ec06d4f6e79",
        "f5b5f360556c5feb51db46fb9f56ee4b304f4b45b161599bbb14161c98a2873f",
    ),
    "live_irrelevance": _files("live_irrelevance", "6559fda2beaceb609a2cd2e504c65b4a56cb448e1ef88fddfd199e163d163349"),
    "live_relevance": _files("live_relevance", "e03f9e241657a137cba48a89ee12f47bf3fcb7e4f6274263e9c699a0c974203a"),
}


def contents(category: str, choice: Choice) -> tuple[bytes, bytes | None, str]:
    """The questions of a category, its answers if it has any, and where they came from; raises what `pinned` does."""
    files = FILES[category]
    questions, origin = pinned(_pinned(files.questions, files.questions_sha256), choice)
    if not files.answers:
        return questions, None, origin
    return questions, pinned(_pinned(files.answers, files.answers_sha256), choice)[0], origin


def _pinned(name: str, digest: str) -> PinnedFile:
    return PinnedFile(
        name=name,
        sha256=digest,
        url=f"{UPSTREAM}/{name}",
        kept=f"bfcl/v4-{COMMIT[:7]}",
        what=f"BFCL {VERSION}",
        instead="Give the folder of BFCL_v4_*.json with --data, or run bfcl/small, which is part of this package.",
    )
