"""`python -m workbench` is the `workbench` command."""

import sys

from workbench.app.cli import main

if __name__ == "__main__":
    sys.exit(main())
