"""References to keys, read from real variables, files and a keyring."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

import pytest

from unified_intelligence.config.environment import Environment
from unified_intelligence.config.keys import read_key
from unified_intelligence.entities.errors import ConfigurationError, MissingDependencyError

KEY = "sk-cAnArY-0123456789"
KEYRING = """
from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked

class Keyring(KeyringBackend):
    priority = 1
    def set_password(self, service, username, password):
        raise NotImplementedError
    def get_password(self, service, username):
        if service == "locked":
            raise KeyringLocked("the text of the library")
        return {("https://here/v1", "me"): "sk-cAnArY-0123456789"}.get((service, username))
"""


def read(reference: object, **variables: str) -> str:
    return read_key("The key of x (here)", reference, Environment(variables))


def file(path: Path, data: bytes, mode: int = 0o600) -> Path:
    path.write_bytes(data)
    path.chmod(mode)
    return path


def refused(reference: object, **variables: str) -> ConfigurationError:
    with pytest.raises(ConfigurationError) as error:
        read(reference, **variables)
    assert "cAnArY" not in error.value.message + error.value.hint
    assert error.value.message.startswith("The key of x (here) ")
    return error.value


def test_a_variable() -> None:
    assert read("env:MY_KEY", MY_KEY=f" {KEY}\n") == KEY


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o700])
def test_a_file(tmp_path: Path, mode: int) -> None:
    path = file(tmp_path / "clé 1", f"{KEY}\r\n".encode(), mode)
    assert read(f"file:{path}") == KEY
    assert read("file:~/clé 1", HOME=str(tmp_path)) == KEY


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601])
def test_a_file_that_others_can_reach(tmp_path: Path, mode: int) -> None:
    path = file(tmp_path / "k", KEY.encode(), mode)
    assert refused(f"file:{path}").hint == f"chmod 600 {path}"


@pytest.mark.parametrize("data", [b"", b" \n", f"{KEY}\n{KEY}".encode(), "sk-é".encode(), b"\xff\xfe", b"k" * 70_000])
def test_a_file_that_holds_no_key(tmp_path: Path, data: bytes) -> None:
    refused(f"file:{file(tmp_path / 'k', data)}")


def test_a_file_that_is_not_there_is_not_repeated(tmp_path: Path) -> None:
    assert "No such file" in refused(f"file:{KEY}").message
    assert "no path" in refused(f"file:{KEY}\0").message
    (tmp_path / "d").mkdir(mode=0o700)
    assert "directory" in refused(f"file:{tmp_path / 'd'}").message.lower()


@pytest.mark.parametrize(
    "reference", [KEY, f"ENV:{KEY}", f" env:{KEY}", "env", "", None, 3, ["env:X"], f"https://{KEY}"]
)
def test_what_is_no_reference(reference: object) -> None:
    assert "env:NAME, file:PATH or keyring:SERVICE/USER" in refused(reference).hint


def test_a_key_in_place_of_a_variables_name_is_not_repeated() -> None:
    assert "AKIA" not in refused("env:AKIA0123456789ABCDEF").message
    assert "hf_a" not in refused("env:hf_aBcDeFgH").message
    assert "MY_KEY" in refused("env:MY_KEY").message
    assert "empty" not in refused("env:MY_KEY", MY_KEY="").message
    assert "empty key" in refused("env:MY_KEY", MY_KEY="\n").message


@pytest.mark.parametrize("reference", ["keyring:", f"keyring:{KEY}", "keyring:/me", "keyring:service/"])
def test_a_keyring_reference_has_a_service_and_a_user(reference: str) -> None:
    assert "keyring:SERVICE/USER" in refused(reference).hint


def test_without_the_keyrings_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(MissingDependencyError, match="A key from the keyring needs the library 'keyring'") as missing:
        read(f"keyring:{KEY}/{KEY}")
    assert missing.value.hint == "pip install 'unified-intelligence-cli[keyring]'"


@pytest.mark.skipif(importlib.util.find_spec("keyring") is None, reason="the extra 'keyring' is not installed")
def test_the_keyring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import subprocess

    (tmp_path / "own_keyring.py").write_text(KEYRING)
    code = (
        "import sys\nfrom tests.unit.config.test_keys import read, refused, KEY\n"
        "assert read('keyring:https://here/v1/me') == KEY\n"
        "assert 'does not have' in refused('keyring:here/you').message\n"
        "assert 'KeyringLocked' in refused('keyring:locked/me').message\n"
    )
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "own_keyring.Keyring")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *sys.path]))
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
