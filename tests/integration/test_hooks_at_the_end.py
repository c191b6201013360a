"""What hooks do last is masked as well."""

from __future__ import annotations

from pathlib import Path

from workbench.app.workbench import Workbench

SECRET = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
HOOK = f"""
from workbench.plugins import Skipped, hook

@hook("system:stopping")
def tells(context):
    return Skipped("it was {SECRET}")
"""


async def test_the_last_traces_are_masked(tmp_path: Path) -> None:
    (tmp_path / "hooks").mkdir()
    (tmp_path / "hooks" / "own.py").write_text(HOOK)
    async with Workbench.open(tmp_path, services=("plugins",), environ={}):
        pass
    async with Workbench.open(tmp_path, services=("log",), environ={}) as workbench:
        rows = await workbench.store.read("SELECT payload FROM events WHERE name = 'core:hook:ran'")
    told = "".join(payload for (payload,) in rows)
    assert "it was [masked access token]" in told
    assert SECRET not in told
