"""`python -m unified_intelligence` and the command `uic`. The version is answered before anything is imported."""

import sys


def main() -> int:
    """The exit code."""
    if sys.argv[1:] == ["--version"]:
        from unified_intelligence import __version__
        from unified_intelligence.cli.output import OutputClosedError, forget_stdout, write_stdout

        try:
            write_stdout(f"uic {__version__}\n")
        except OutputClosedError as error:
            forget_stdout()
            return error.exit_code
        return 0
    from unified_intelligence.cli.main import run

    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
