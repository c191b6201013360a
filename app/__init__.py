"""The engine and the ways into it; nothing here draws on a screen but `app.tui`."""
