"""The settings that the processes of a server share."""

import os
from pathlib import Path

import pytest

from server.settings import current
from server.settings.load import Settings
from tests.support.wait import wait_until


def test_a_worker_takes_what_was_adopted_while_it_was_starting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the settings that its app is made of and the start of the thread that follows them."""
    path, changes = tmp_path / "layers.toml", list[Settings]()
    monkeypatch.setenv("RAWCOG_CONFIG", str(path))
    monkeypatch.setattr(current, "_current", [])
    path.write_text("[server]\ntitle = 'first'\nwatch_s = 0.5")
    first = current.settings()
    path.write_text("[server]\ntitle = 'second'\nwatch_s = 0")
    assert current.adopt() == "settings changed: server.title, server.watch_s"
    current.follow(first, changes.append)
    wait_until(lambda: bool(changes))
    assert [settings.server.title for settings in changes] == ["second"]


def test_a_touched_file_is_no_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "layers.toml"
    monkeypatch.setenv("RAWCOG_CONFIG", str(path))
    monkeypatch.setattr(current, "_current", [])
    path.write_text("[server]\nwatch_s = 0.5")
    first = current.settings()
    for time_s in range(3):
        os.utime(path, (time_s, time_s))
        for _ in range(3):
            current._current[0].look()
            assert current.settings() is first


def test_a_local_file_is_taken_once_it_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An editor that truncates the file and writes it anew makes it empty for an instant, which is valid TOML."""
    path = tmp_path / "layers.toml"
    monkeypatch.setenv("RAWCOG_CONFIG", str(path))
    monkeypatch.setattr(current, "_current", [])
    path.write_text("[server]\nwatch_s = 0.5\n[layers.a]\nuri = 'a.tif'")
    before = current.settings()
    path.write_text("")
    current._current[0].look()
    assert current.settings() is before
    path.write_text("[server]\nwatch_s = 0.5\n[layers.b]\nuri = 'a.tif'")
    current._current[0].look()
    assert current.settings() is before
    current._current[0].look()
    assert list(current.settings().layers) == ["b"]
