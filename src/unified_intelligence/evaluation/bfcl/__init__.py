"""Function calling as the Berkeley Function Calling Leaderboard (BFCL, version 4) asks and judges it.

`check` gives the verdict of the leaderboard on a list of calls, for its Python categories; reading calls out of a text
is `strict_calls` and `lenient_calls`. Asking the questions is a suite's: see `suite`.
"""

from unified_intelligence.evaluation.bfcl.checker import Verdict, check
from unified_intelligence.evaluation.bfcl.lenient import lenient_calls
from unified_intelligence.evaluation.bfcl.strict import check_text, strict_calls

__all__ = ["Verdict", "check", "check_text", "lenient_calls", "strict_calls"]
