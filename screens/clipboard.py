"""Sends texts to the terminal's clipboard, as hooks leave them, and says what was done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from textual.app import App

    from workbench.app.workbench import Workbench


async def send_to_clipboard(app: App[Any], workbench: Workbench | None, text: str, what: str) -> str:
    """Send a text to the terminal's clipboard.

    Args:
        app: writes to the terminal.
        workbench: whose hooks see the text first; None before it is open.
        text: what is sent.
        what: what it is, as in `the reply`.

    Returns:
        What to tell the person.

    Raises:
        HookError: `hook.cancelled`.
    """
    if workbench is not None and workbench.has("hooks"):
        from workbench.app.hooks.points import CLIPBOARD_COPY
        from workbench.app.hooks.values import Copy

        text = (await workbench.hooks.apply(CLIPBOARD_COPY, Copy(text=text, what=what))).text
    app.copy_to_clipboard(text)
    return f"Sent {what} to the terminal's clipboard (OSC 52, {len(text):,} characters)."
