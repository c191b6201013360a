"""A worker program that does on request what a good and a bad worker can do."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from workbench.app.errors import ModelError
from workbench.app.workers.program import Request, run_program

_kept: list[bytearray] = []


async def echo(request: Request) -> dict[str, Any]:
    return dict(request.params)


async def whoami(request: Request) -> dict[str, Any]:
    return {"pid": os.getpid()}


async def count(request: Request) -> dict[str, Any]:
    """Send `n` parts from a thread, `pause` seconds apart, until cancelled."""
    return await asyncio.to_thread(_count, request)


def _count(request: Request) -> dict[str, Any]:
    pause = request.params.get("pause", 0.0)
    padding = "x" * request.params.get("size", 0)
    sent = 0
    for number in range(request.params["n"]):
        if pause and request.cancelled.wait(pause):
            break
        request.send_part({"number": number, "padding": padding})
        if request.cancelled.is_set():
            break
        sent += 1
    return {"sent": sent, "cancelled": request.cancelled.is_set()}


async def print_native(request: Request) -> dict[str, Any]:
    """Print as native libraries do: from C, straight to descriptors 1 and 2, and from Python."""
    libc = ctypes.CDLL(None)
    text = request.params["text"].encode()
    libc.puts(text + b" from C")
    libc.fflush(None)
    os.write(1, text + b" to 1\n")
    os.write(2, text + b" to 2\n")
    print(request.params["text"], "from Python")
    return {"stdin": os.read(0, 1).decode()}


async def fail(request: Request) -> dict[str, Any]:
    if request.params.get("known"):
        raise ModelError("broken", "The file is broken.", "Get another.", path="x.gguf")
    raise RuntimeError("an unforeseen failure")


async def not_a_dict(request: Request) -> dict[str, Any]:
    return [1, 2]  # type: ignore[return-value]


async def not_json(request: Request) -> dict[str, Any]:
    return {"value": object()}


async def abort(request: Request) -> dict[str, Any]:
    """Crash in C after `parts` parts."""
    for number in range(request.params.get("parts", 0)):
        request.send_part({"number": number})
    os.write(2, b"about to abort\n")
    os.abort()


async def leave(request: Request) -> dict[str, Any]:
    os._exit(request.params["code"])


async def freeze(request: Request) -> dict[str, Any]:
    """Stop the whole process, as a hung driver would."""
    os.kill(os.getpid(), signal.SIGSTOP)
    return {}


async def block_loop(request: Request) -> dict[str, Any]:
    """Block the program's event loop, as a library call without a thread would."""
    time.sleep(request.params["seconds"])
    return {}


async def ignore_cancel(request: Request) -> dict[str, Any]:
    """Send one part, then compute on whatever happens."""
    request.send_part({"started": True})
    await asyncio.to_thread(threading.Event().wait)
    return {}


async def leak(request: Request) -> dict[str, Any]:
    """Take `mb` MiB of memory that is really used."""
    block = bytearray(request.params["mb"] * 2**20)
    block[::4096] = b"x" * len(block[::4096])
    _kept.append(block)
    await asyncio.to_thread(request.cancelled.wait)
    return {}


async def spawn_child(request: Request) -> dict[str, Any]:
    """Start a program that outlives its parent unless someone ends the group."""
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    return {"pid": child.pid}


async def garbage(request: Request) -> dict[str, Any]:
    """Write lines that are not messages between good ones."""
    descriptor = request._output._descriptor
    lines = (b"not json\n", b'{"jsonrpc":"2.0"}\n', b"\xff\xfe\n", b"[]\n", b'{"method":"part"}\n')
    for line in (*lines, b'{"method":"part","params":{"id":[1]}}\n', b'{"id":987654,"result":{}}\n'):
        os.write(descriptor, line)
    return {"still": "alive"}


async def flood(request: Request) -> dict[str, Any]:
    """Send parts without waiting for room, as a program that breaks the rules does."""
    return await asyncio.to_thread(_flood, request)


def _flood(request: Request) -> dict[str, Any]:
    line = b'{"jsonrpc":"2.0","method":"part","params":{"id":%d,"x":"%s"}}\n' % (request.id, b"x" * 2**20)
    while True:
        request._output.write(line)


async def close_output(request: Request) -> dict[str, Any]:
    """Close the wire's output but live on."""
    os.close(request._output._descriptor)
    await asyncio.to_thread(threading.Event().wait)
    return {}


def main() -> int:
    marker = os.environ.get("TRICKS_STARTS")
    if marker:
        with Path(marker).open("a") as file:
            file.write(f"{os.getpid()}\n")
    on_start = os.environ.get("TRICKS_ON_START", "")
    if on_start == "die":
        print("cannot find my library", file=sys.stderr)
        return 3
    if on_start == "sleep":
        time.sleep(600)
    handlers = {
        handler.__name__: handler
        for handler in (
            echo,
            whoami,
            count,
            print_native,
            fail,
            not_a_dict,
            not_json,
            abort,
            leave,
            freeze,
            block_loop,
            ignore_cancel,
            leak,
            spawn_child,
            garbage,
            flood,
            close_output,
        )
    }
    stopped = os.environ.get("TRICKS_STOPPED")
    return run_program("tricks", handlers, on_stop=(lambda: Path(stopped).touch()) if stopped else None)


if __name__ == "__main__":
    sys.exit(main())
