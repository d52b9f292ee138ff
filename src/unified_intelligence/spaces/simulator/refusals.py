"""How the local Hub refuses: with the status and the headers that a client of the Hub tells its errors by."""

from __future__ import annotations


class RefusalError(Exception):
    """`code` is what stands in `X-Error-Code`, empty where the Hub sends none; `headers` come besides.

    What is put into `body` is sent with the message.
    """

    def __init__(self, status: int, message: str, code: str = "", headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.code = status, message, code
        self.headers, self.body = headers or {}, dict[str, str]()


def no_repository(name: str) -> RefusalError:
    """The Hub's answer for what does not exist and for what the caller may not see."""
    return RefusalError(404, f"Repository not found: {name}", "RepoNotFound")


def no_revision(revision: str) -> RefusalError:
    return RefusalError(404, f"Invalid rev id: {revision}", "RevisionNotFound")


def no_entry(path: str, commit: str = "") -> RefusalError:
    """`commit` is where it was looked for."""
    headers = {"X-Repo-Commit": commit} if commit else {}
    return RefusalError(404, f"Entry not found: {path}. A file with this name doesn't exist", "EntryNotFound", headers)


def stale_parent(head: str) -> RefusalError:
    return RefusalError(412, f"A commit has happened since. Please refresh and try again: main is at {head} now.")
