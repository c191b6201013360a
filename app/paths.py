"""Where files live: one frozen set of paths for one profile."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from workbench.app.errors import UsageError

APP_NAME = "workbench"
DATA_DIR_VARIABLE = "WORKBENCH_DATA_DIR"


class Paths(msgspec.Struct, frozen=True):
    """The places of one profile; nothing here creates them.

    Args:
        data_dir: the profile's folder.
        config_file: the user's settings, never written by the program.
        settings_file: settings that the program writes.
        database: the one SQLite file.
        lock_file: held by the process that may write.
        backups: copies of the database.
        logs: worker logs, the JSON-lines event log and crash reports.
        models: model files that belong to the profile.
    """

    data_dir: Path
    config_file: Path
    settings_file: Path
    database: Path
    lock_file: Path
    backups: Path
    logs: Path
    models: Path


def default_data_dir() -> Path:
    """Return the platform's folder for the user's data, as platformdirs names it."""
    # Imported here: it costs start-up time and an explicit data folder does not need it.
    from platformdirs import user_data_path

    return user_data_path(APP_NAME, appauthor=False)


def paths_for(data_dir: Path | None = None, environ: Mapping[str, str] | None = None) -> Paths:
    """Return the paths of a profile.

    Args:
        data_dir: the profile's folder; then everything, the user's settings too, lies inside it.
            None takes `WORKBENCH_DATA_DIR`, else the platform's folders.
        environ: the environment variables; the process's own when left out.

    Raises:
        UsageError: `usage.bad_option`, the folder begins with `~` and a user who does not exist, or is
            relative to a current folder that was deleted.
    """
    variables = os.environ if environ is None else environ
    if data_dir is None and variables.get(DATA_DIR_VARIABLE):
        data_dir = Path(variables[DATA_DIR_VARIABLE])
    if data_dir is None:
        from platformdirs import user_config_path

        return _layout(default_data_dir(), user_config_path(APP_NAME, appauthor=False))
    try:
        folder = data_dir.expanduser().absolute()
    except RuntimeError as error:
        raise UsageError(
            "bad_option", f"The data folder {data_dir} has no such home folder.", "Write its whole path."
        ) from error
    except OSError as error:
        raise UsageError(
            "bad_option",
            f"Where the data folder {data_dir} lies cannot be told: {error.strerror or error}.",
            "Write its whole path.",
        ) from error
    return _layout(folder, folder)


def _layout(data: Path, config: Path) -> Paths:
    return Paths(
        data_dir=data,
        config_file=config / "config.toml",
        settings_file=data / "settings.toml",
        database=data / "workbench.db",
        lock_file=data / "workbench.lock",
        backups=data / "backups",
        logs=data / "logs",
        models=data / "models",
    )


def assets_dir() -> Path:
    """Return the folder of the files that come with the program."""
    return Path(__file__).resolve().parent.parent / "assets"


def guide_model() -> Path:
    """Return the built-in guide model's file."""
    return assets_dir() / "models" / "guide" / "guide.gguf"
