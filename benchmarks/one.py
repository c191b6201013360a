"""Runs one benchmark in this process and prints its result as JSON; the benchmarks' own command uses it."""

from __future__ import annotations

import asyncio
import sys
from importlib import import_module

import msgspec


def main() -> int:
    """Run the benchmark that the first argument names, shortly if `--quick` follows."""
    name = sys.argv[1]
    module = import_module(f"workbench.benchmarks.{name}")
    result = asyncio.run(module.measure("--quick" in sys.argv[2:]))
    sys.stdout.buffer.write(msgspec.json.encode(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
