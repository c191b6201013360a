"""The one SQLite database of a profile: one writer, readers, migrations, backups and repair."""
