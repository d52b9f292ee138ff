"""The digest of a deployment: the same for the same files, another for any change."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from unified_intelligence.entities.errors import ConfigurationError
from unified_intelligence.spaces.content import FILE_NAME, Deployment, deployment_of, read_deployment, told

FILES = {
    "app.py": b"print('\xc3\xa9')\n",
    "d\u00e9p\u00f4t/mod\u00e8le.txt": b"",
    "README.md": b"# Espace \xf0\x9f\x99\x82\n",
}


def written(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    record = folder / FILE_NAME
    record.write_text(deployment_of(files, "0123abc").text(), "utf-8")
    return record


def test_the_digest_does_not_depend_on_the_order_or_on_the_record_itself() -> None:
    backwards = dict(reversed(FILES.items()))
    assert deployment_of(FILES).digest == deployment_of({**backwards, FILE_NAME: b"anything"}).digest
    assert len(deployment_of(FILES).digest) == 64


@pytest.mark.parametrize("change", [
    {"app.py": b"print('e')\n"}, {"d\u00e9p\u00f4t/mod\u00e8le.txt": b"\n"}, {"new.py": b""},
])  # fmt: skip
def test_every_change_changes_the_digest(change: dict[str, bytes]) -> None:
    assert deployment_of({**FILES, **change}).digest != deployment_of(FILES).digest


def test_a_name_and_a_content_are_not_confused() -> None:
    assert Deployment({"a": "1"}).digest != Deployment({"a1": ""}).digest


def test_an_untouched_deployment_is_told_as_it_was_recorded(tmp_path: Path) -> None:
    about = told(written(tmp_path, FILES))
    assert about == {
        "content_digest": deployment_of(FILES).digest,
        "recorded_digest": deployment_of(FILES).digest,
        "changed_files": [],
        "source": "0123abc",
    }


def test_what_was_changed_or_lost_is_named(tmp_path: Path) -> None:
    record = written(tmp_path, FILES)
    (tmp_path / "app.py").write_bytes(b"old code")
    (tmp_path / "README.md").unlink()
    about = told(record)
    assert about["changed_files"] == ["README.md", "app.py"]
    assert about["content_digest"] != about["recorded_digest"] == deployment_of(FILES).digest


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"files": [], "source": "", "content_digest": ""}', "\u00e9"])
def test_a_file_that_is_no_record_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE_NAME).write_text(text, "utf-8")
    with pytest.raises(ConfigurationError, match=FILE_NAME):
        read_deployment(tmp_path / FILE_NAME)
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_deployment(tmp_path / "nowhere.json")


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "a/../../b"])
def test_a_record_reads_nothing_outside_its_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / FILE_NAME).write_text(Deployment({name: "0" * 64}).text(), "utf-8")
    with pytest.raises(ConfigurationError, match="contradicts"):
        told(tmp_path / FILE_NAME)


def test_a_record_whose_digest_is_not_that_of_its_files_is_refused(tmp_path: Path) -> None:
    record = written(tmp_path, FILES)
    content = json.loads(record.read_text("utf-8"))
    content["files"]["app.py"] = "0" * 64
    record.write_text(json.dumps(content), "utf-8")
    with pytest.raises(ConfigurationError, match="contradicts"):
        told(record)
