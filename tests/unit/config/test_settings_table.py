"""The table of settings, and the reading of values by it."""

from __future__ import annotations

from pathlib import Path

import pytest

from unified_intelligence.config.environment import Environment
from unified_intelligence.config.keys import is_secret
from unified_intelligence.config.places import project_file, user_file
from unified_intelligence.config.resolve import Resolved, resolve
from unified_intelligence.config.settings import BY_NAME, SETTINGS, check, read_text


def test_every_default_is_of_its_type_or_says_what_it_means_to_have_none() -> None:
    for setting in SETTINGS:
        if setting.default is None:
            assert setting.none
        else:
            assert check(setting, setting.default) == setting.default


@pytest.mark.parametrize("text", ["true", "YES", " on ", "1"])
def test_yes(text: str) -> None:
    assert read_text(BY_NAME["stream"], text) is True


@pytest.mark.parametrize(
    ("name", "text"),
    [("stream", "perhaps"), ("max_tokens", "1.5"), ("max_tokens", "0"), ("temperature", "inf"), ("temperature", "-1"),
     ("temperature", "1e999"), ("top_p", "1.1"), ("top_p", "nan"), ("format", "XML"), ("seed", "")],
)  # fmt: skip
def test_what_is_refused(name: str, text: str) -> None:
    with pytest.raises(ValueError, match=", not "):
        read_text(BY_NAME[name], text)


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("api_key", True),
        ("HF_TOKEN", True),
        ("password", True),
        ("apikey", True),
        ("max_tokens", False),
        ("model", False),
        ("keyboard", False),
    ],
)
def test_what_is_secret(name: str, secret: bool) -> None:
    assert is_secret(name) == secret


def test_where_files_are(tmp_path: Path) -> None:
    work = tmp_path / "home/a/b"
    work.mkdir(parents=True)
    (tmp_path / "config.json").write_text("{}")
    assert project_file(work, tmp_path / "home") is None
    (tmp_path / "home/config.json").write_text("{}")
    assert project_file(work, tmp_path / "home") == tmp_path / "home/config.json"
    (tmp_path / "home/a/.git").mkdir()
    assert project_file(work, tmp_path / "home") is None
    assert user_file(Path("/h"), "/x") == Path("/x/unified-intelligence/config.json")
    assert user_file(Path("/h"), "relative") == Path("/h/.config/unified-intelligence/config.json")


def test_colours() -> None:
    assert Environment({}).colours(True)
    assert not Environment({}).colours(False)
    assert not Environment({"TERM": "dumb"}).colours(True)
    assert not Environment({"NO_COLOR": "1", "FORCE_COLOR": "1"}).colours(True)
    assert Environment({"FORCE_COLOR": "1"}).colours(False)
    assert not Environment({"FORCE_COLOR": "0"}).colours(False)


def test_a_flag_is_the_strongest(tmp_path: Path) -> None:
    environment = Environment({"HOME": str(tmp_path), "UIC_SEED": "1"})
    settings = resolve({"seed": "2", "stream": False, "tools": ["finance,units", "dates"]}, environment)
    assert settings.values["seed"] == Resolved(2, "flag --seed", "flag")
    assert settings.get("stream", bool) is False
    assert settings.get("tools", list) == ["finance", "units", "dates"]
    assert settings.maybe("system", str) is None
