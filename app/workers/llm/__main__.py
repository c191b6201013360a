"""`python -m workbench.app.workers.llm` and `workbench worker llm`: the llm worker program."""

from __future__ import annotations

import logging
import os
import sys

from workbench.app.workers.llm.program import LlmProgram
from workbench.app.workers.program import run_program

# The library reads these when it is loaded, which is later, with the first model.
_ENVIRONMENT = {
    # A failed assertion in the library ends the process; without this, a debugger runs first, for seconds.
    "GGML_NO_BACKTRACE": "1",
    # Threads that wait for each other sleep after a short spin: on busy cores a long one halves the speed.
    "GOMP_SPINCOUNT": "1000",
}


def main() -> int:
    """Serve the wire until stdin ends.

    Returns:
        The exit status.
    """
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    program = LlmProgram()
    return run_program("llm", program.handlers(), on_stop=program.close)


if __name__ == "__main__":
    sys.exit(main())
