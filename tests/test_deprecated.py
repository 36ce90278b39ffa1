"""A deprecated name works, and warns once with its replacement and its last version."""

from __future__ import annotations

import warnings

from flywheel.cli.commands import COMMANDS
from flywheel.deprecated import Deprecated, FlywheelDeprecationWarning
from tests.cli.command import flywheel

OLD = Deprecated("fw.old", "fw.new", "0.3")


def old() -> int:
    """What a deprecated function does."""
    OLD.warn()
    return 1


def test_a_deprecated_name_works_and_warns_once_where_it_is_used() -> None:
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("default")
        assert [old() for _ in range(3)] == [1, 1, 1]
    (warning,) = heard
    assert warning.category is FlywheelDeprecationWarning
    assert str(warning.message) == "fw.old is deprecated and goes in version 0.3; use fw.new"
    assert warning.filename == __file__


def test_a_deprecated_command_works_and_says_so_in_one_line() -> None:
    old, new = flywheel("train", "--help"), flywheel("improve", "--help")
    assert (old.returncode, new.returncode, new.stderr) == (0, 0, "")
    assert old.stderr == (
        "Warning: flywheel train is deprecated and goes in version 0.3; use flywheel improve\n"
    )
    assert old.stdout == new.stdout.replace("flywheel improve", "flywheel train")


def test_only_a_hidden_command_is_deprecated() -> None:
    assert {name for name, entry in COMMANDS.items() if entry.deprecated} == {"train"}
    assert all(entry.hidden for entry in COMMANDS.values() if entry.deprecated)
