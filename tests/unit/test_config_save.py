"""Saving settings: only the program's file, whole or not at all."""

from __future__ import annotations

import tempfile
import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.app.config.load import load_settings, parse_value
from workbench.app.config.save import save_setting, write_atomically
from workbench.app.config.settings import get, setting_types
from workbench.app.errors import SettingsError
from workbench.app.paths import Paths, paths_for


def test_a_saved_setting_is_in_force_and_keeps_its_neighbours(paths: Paths) -> None:
    save_setting(paths.settings_file, "model.name", "tiny")
    save_setting(paths.settings_file, "model.folders", '["/models"]')
    save_setting(paths.settings_file, "sampling.seed", "7")
    loaded = load_settings(paths, {})
    assert loaded.settings.model.name == "tiny"
    assert loaded.settings.model.folders == ("/models",)
    assert loaded.settings.sampling.seed == 7
    assert tomllib.loads(paths.settings_file.read_text())["schema"] == 1
    assert not paths.config_file.exists()


def test_saving_none_takes_a_setting_out(paths: Paths) -> None:
    save_setting(paths.settings_file, "sampling.seed", "7")
    save_setting(paths.settings_file, "sampling.seed", "none")
    assert load_settings(paths, {}).origins == {}


def test_a_wrong_name_or_value_changes_nothing(paths: Paths) -> None:
    save_setting(paths.settings_file, "sampling.seed", "7")
    before = paths.settings_file.read_bytes()
    for key, text in (("sampling.sed", "7"), ("sampling.seed", "x"), ("chat.system_prompt", "\udce9")):
        with pytest.raises(SettingsError):
            save_setting(paths.settings_file, key, text)
    assert paths.settings_file.read_bytes() == before


def test_a_broken_file_is_not_written_over(paths: Paths) -> None:
    paths.data_dir.mkdir()
    paths.settings_file.write_text("[broken")
    with pytest.raises(SettingsError):
        save_setting(paths.settings_file, "sampling.seed", "7")
    assert paths.settings_file.read_text() == "[broken"


def test_a_place_that_cannot_be_written_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SettingsError) as caught:
        save_setting(tmp_path / "file" / "settings.toml", "sampling.seed", "7")
    assert "cannot be" in caught.value.message


@settings(deadline=None)
@given(st.sampled_from(sorted(setting_types())), st.text(max_size=20))
def test_what_is_saved_is_what_is_loaded(key: str, text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        paths = paths_for(Path(folder))
        try:
            expected = parse_value(key, text, "here").value
        except SettingsError:
            return
        save_setting(paths.settings_file, key, text)
        loaded = load_settings(paths, {}).settings
        assert get(loaded, key) == expected


def test_a_failure_in_the_middle_keeps_the_old_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    write_atomically(path, b"old")

    def fail(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match="No space"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_what_is_written_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file"
    write_atomically(path, b"secret")
    assert path.stat().st_mode & 0o077 == 0
    assert path.parent.stat().st_mode & 0o077 == 0
