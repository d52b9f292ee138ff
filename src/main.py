"""`python src/main.py --query "..."`: the command line from a checkout, without installing anything but typer."""

import sys

from unified_intelligence.__main__ import main

if __name__ == "__main__":
    sys.exit(main())
