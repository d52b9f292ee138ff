"""huggingface_hub as it is, against the local Hub: repositories."""

# The types of huggingface_hub are incomplete; what is known is still checked.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownLambdaType=false

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from huggingface_hub import (
    CommitOperationAdd,
    CommitOperationCopy,
    CommitOperationDelete,
    HfApi,
    hf_hub_download,
    snapshot_download,
)
from huggingface_hub.errors import (
    EntryNotFoundError,
    HfHubHTTPError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.hf_api import RepoFile, RepoFolder

# The library's own uploading of large files says so of itself.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<...>':DeprecationWarning")
TREE = {
    "README.md": "---\ntitle: Été\nsdk: static\n---\nÇa va\u2028bien 🎉\n".encode(),
    "dossier é/fichier n°1.txt": "été\n".encode(),
    "dossier é/日本.bin": bytes(range(256)) * 50,
    "empty": b"",
    "weights.safetensors": random.Random(1).randbytes(200_000),
    "a/b/c/d+e%20f #1?.txt": b"odd",
}


def add(tree: dict[str, bytes]) -> list[CommitOperationAdd]:
    return [CommitOperationAdd(path, content) for path, content in tree.items()]


@pytest.fixture
def space(api: HfApi, name: str) -> str:
    api.create_repo(name, repo_type="space", space_sdk="static", private=True)
    return name


def commit(api: HfApi, space: str, *operations: object, **more: object) -> str:
    done = api.create_commit(space, list(operations), commit_message="Ça change 🎉", repo_type="space", **more)  # type: ignore[arg-type]
    return str(done.oid)


def contents(api: HfApi, space: str, folder: Path, revision: str = "main") -> dict[str, bytes]:
    root = Path(
        snapshot_download(
            space, repo_type="space", revision=revision, cache_dir=folder, endpoint=api.endpoint, token="hf_anne"
        )
    )
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_what_is_committed_is_what_is_read(api: HfApi, space: str, tmp_path: Path) -> None:
    oid = commit(api, space, *add(TREE))
    assert {**contents(api, space, tmp_path), ".gitattributes": b""} == {**TREE, ".gitattributes": b""}
    for path, content in TREE.items():
        got = hf_hub_download(
            space, path, repo_type="space", revision=oid, cache_dir=tmp_path / "one", endpoint=api.endpoint, token="x"
        )
        assert Path(got).read_bytes() == content
    listed = {entry.path: entry for entry in api.list_repo_tree(space, recursive=True, repo_type="space")}
    assert {path for path, entry in listed.items() if isinstance(entry, RepoFile)} == {*TREE, ".gitattributes"}
    folders = {path for path, entry in listed.items() if isinstance(entry, RepoFolder)}
    assert folders == {"dossier é", "a", "a/b", "a/b/c"}
    regular, large = listed["a/b/c/d+e%20f #1?.txt"], listed["weights.safetensors"]
    assert isinstance(regular, RepoFile) and regular.blob_id == hashlib.sha1(b"blob 3\0odd").hexdigest()
    assert isinstance(large, RepoFile) and large.lfs is not None and large.size == 200_000
    assert large.lfs.sha256 == hashlib.sha256(TREE["weights.safetensors"]).hexdigest()
    inside = api.list_repo_tree(space, "dossier é", repo_type="space")
    assert {entry.path for entry in inside} == {"dossier é/fichier n°1.txt", "dossier é/日本.bin"}
    info = api.space_info(space, files_metadata=True)
    assert info.sha == oid and info.private and info.card_data and info.card_data.title == "Été"
    assert {file.rfilename: file.size for file in info.siblings or []}["weights.safetensors"] == 200_000


def test_nothing_new_makes_no_commit(api: HfApi, space: str) -> None:
    assert commit(api, space, *add(TREE)) == commit(api, space, *add(TREE))
    assert [each.title for each in api.list_repo_commits(space, repo_type="space")] == [
        "Ça change 🎉",
        "initial commit",
    ]


def test_a_stale_parent_is_412_and_changes_nothing(api: HfApi, space: str) -> None:
    first = commit(api, space, *add({"a": b"1"}))
    second = commit(api, space, *add({"a": b"2"}), parent_commit=first)
    with pytest.raises(HfHubHTTPError) as refused:
        commit(api, space, *add({"a": b"3"}), parent_commit=first)
    assert refused.value.response is not None and refused.value.response.status_code == 412
    assert "A commit has happened since" in str(refused.value)
    assert api.space_info(space).sha == second


def test_going_back_copies_byte_for_byte(api: HfApi, space: str, tmp_path: Path) -> None:
    good = commit(api, space, *add(TREE))
    api.create_tag(space, tag="uic-good-1", revision=good, tag_message="good", repo_type="space")
    changed = {path: content + b"!" for path, content in TREE.items() if path not in {"empty", "README.md"}}
    commit(api, space, *add({**changed, "more.txt": b"more"}), CommitOperationDelete("empty"))
    assert contents(api, space, tmp_path / "bad")["weights.safetensors"].endswith(b"!")
    back = [CommitOperationCopy(path, path, src_revision="uic-good-1") for path in TREE if path != "README.md"]
    commit(api, space, *back, CommitOperationDelete("more.txt"))
    assert contents(api, space, tmp_path / "back") == contents(api, space, tmp_path / "good", good)
    commit(api, space, CommitOperationDelete("a/", is_folder=True))
    assert not [path for path in contents(api, space, tmp_path / "less") if path.startswith("a/")]


def test_ignored_files_are_left_out_without_a_word(api: HfApi, space: str) -> None:
    commit(api, space, *add({".gitignore": b"*.log\nsecret/\n", "a.log": b"1", "secret/x": b"1", "kept": b"1"}))
    commit(api, space, *add({"b.log": b"1", "kept too": b"1"}))
    assert {".gitattributes", ".gitignore", "README.md", "kept", "kept too"} == set(
        api.list_repo_files(space, repo_type="space")
    )


def test_branches_tags_and_commits(api: HfApi, space: str) -> None:
    first = commit(api, space, *add({"a": b"1"}))
    api.create_branch(space, branch="essai/é", revision=first, repo_type="space")
    other = commit(api, space, *add({"a": b"2"}), revision="essai/é")
    api.create_tag(space, tag="v1", repo_type="space")
    api.create_tag(space, tag="v1", repo_type="space", exist_ok=True)
    with pytest.raises(HfHubHTTPError):
        api.create_tag(space, tag="v1", repo_type="space")
    refs = api.list_repo_refs(space, repo_type="space")
    assert {ref.name: ref.target_commit for ref in refs.branches} == {"main": first, "essai/é": other}
    assert [(ref.name, ref.target_commit) for ref in refs.tags] == [("v1", first)]
    commits = api.list_repo_commits(space, repo_type="space", revision="essai/é")
    assert [each.commit_id for each in commits][:2] == [other, first] and commits[0].authors == ["anne"]
    api.delete_tag(space, tag="v1", repo_type="space")
    api.delete_branch(space, branch="essai/é", repo_type="space")
    assert [ref.name for ref in api.list_repo_refs(space, repo_type="space").branches] == ["main"]
    with pytest.raises(RevisionNotFoundError):
        api.space_info(space, revision="v1")


def test_what_is_not_there_is_told_by_its_class(api: HfApi, space: str, tmp_path: Path) -> None:
    with pytest.raises(RepositoryNotFoundError):
        api.space_info("anne/nothing")
    with pytest.raises(RepositoryNotFoundError):
        HfApi(endpoint=api.endpoint, token=False).space_info(space)
    with pytest.raises(EntryNotFoundError):
        hf_hub_download(space, "é", repo_type="space", endpoint=api.endpoint, token="x", cache_dir=tmp_path)
    with pytest.raises(EntryNotFoundError):
        commit(api, space, CommitOperationDelete("nothing"))
    with pytest.raises(RevisionNotFoundError):
        list(api.list_repo_tree(space, revision="0" * 40, repo_type="space"))
    with pytest.raises(HfHubHTTPError) as refused:
        HfApi(endpoint=api.endpoint, token=False).create_repo("anne/x", repo_type="space", space_sdk="static")
    assert refused.value.response is not None and refused.value.response.status_code == 401
    with pytest.raises(HfHubHTTPError) as refused:
        api.create_repo(space, repo_type="space", space_sdk="static")
    assert refused.value.response is not None and refused.value.response.status_code == 409
    assert api.create_repo(space, repo_type="space", space_sdk="static", exist_ok=True).repo_id == space


@pytest.mark.parametrize(
    ("readme", "said"),
    [
        ("---\nsdk: gradio\ncolorFrom: mauve\n---\n", "colorFrom"),
        ("---\nsdk: [\n---\n", "YAML"),
        ("---\nsdk: gradio\nshort_description: " + "long " * 20 + "\n---\n", "short_description"),
    ],
)
def test_a_readme_that_the_hub_would_refuse(api: HfApi, space: str, readme: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        commit(api, space, *add({"README.md": readme.encode()}))


def test_a_tree_of_many_pages(api: HfApi, space: str) -> None:
    commit(api, space, *add({f"many/{number:04}": b"x" for number in range(2050)}))
    assert sum(1 for _ in api.list_repo_tree(space, recursive=True, repo_type="space")) == 2053


def test_models_and_datasets_have_the_same_routes(api: HfApi, tmp_path: Path) -> None:
    for kind in ("model", "dataset"):
        api.create_repo(f"anne/my-{kind}", repo_type=kind)
        api.create_commit(
            f"anne/my-{kind}", add({"x.bin": b"\0" * 99, "é.txt": b"1"}), commit_message="x", repo_type=kind
        )
        got = snapshot_download(f"anne/my-{kind}", repo_type=kind, endpoint=api.endpoint, cache_dir=tmp_path)
        assert (Path(got) / "x.bin").read_bytes() == b"\0" * 99
    api.delete_repo("anne/my-model")
    with pytest.raises(RepositoryNotFoundError):
        api.model_info("anne/my-model")
    assert api.dataset_info("anne/my-dataset").author == "anne"


def test_who_am_i_and_what_does_it_cost(api: HfApi, deployed: Callable[..., str]) -> None:
    assert api.whoami()["name"] == "anne"
    prices = {row.name: row for row in api.list_spaces_hardware()}
    assert prices["l4x1"].unit_cost_usd * 60 == pytest.approx(0.8) and prices["l4x1"].accelerator is not None
    assert api.get_zero_gpu_quota().base > 0
