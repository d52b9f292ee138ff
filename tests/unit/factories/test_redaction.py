"""What is taken out of logs and reports: the secrets of a spec, and while one is rotated its former value."""

from __future__ import annotations

from pathlib import Path

import pytest

from unified_intelligence.config.environment import Environment
from unified_intelligence.factories.space_factory import redaction
from unified_intelligence.spaces.spec import SpaceSpec

SAID = "Clé: {} … 🎉\u2028"


@pytest.mark.parametrize("kept", [True, False])
def test_the_former_value_is_hidden_while_it_is_kept(tmp_path: Path, *, kept: bool) -> None:
    key = tmp_path / "key"
    key.write_text("file-new-1\n")
    variables = {"MINE": "env-new-1", "CONTRACT": "contract-new-1"}
    former = ["env-old-1", "file-old-1", "contract-old-1"]
    if kept:
        (tmp_path / "key.old").write_text("file-old-1\n")
        variables |= {"MINE_OLD": "env-old-1", "CONTRACT_OLD": "contract-old-1"}
    for path in tmp_path.iterdir():
        path.chmod(0o600)
    spec = SpaceSpec.model_validate(
        {
            "version": 1,
            "id": "petit",
            "sdk": "docker",
            "secrets": {"A": "env:MINE", "B": f"file:{key}"},
            "contract": {"kind": "openai", "models": ["m"], "key": "env:CONTRACT"},
        }
    )
    redact = redaction(spec, Environment({"HOME": str(tmp_path), **variables}))
    for value in ("env-new-1", "file-new-1", "contract-new-1"):
        assert redact(SAID.format(value)) == SAID.format("***")
    for value in former:
        assert redact(SAID.format(value)) == SAID.format("***" if kept else value)
