"""The one registry of commands, with its faces: subcommands, scripts, slash lines, palette and REPL."""
