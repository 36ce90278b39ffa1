"""The exit codes that are documented are the ones that there are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from flywheel.cli.decide.gate import EXIT_CODES
from flywheel.cli.terminal import failure
from flywheel.errors import NoEvalset
from flywheel.evals.evalset.evalset import load_evalset
from tests.cli.command import flywheel

PAGE = Path(__file__).parents[2] / "docs/commands.md"


def test_help_and_docs_list_the_codes_that_there_are() -> None:
    codes = {
        0,
        3,
        failure.ERROR,
        failure.USAGE,
        failure.INCOMPLETE,
        failure.BUG,
        failure.INTERRUPTED,
    }
    assert codes >= set(EXIT_CODES.values())
    in_docs = re.findall(r"^\| (\d+) \|", PAGE.read_text(), re.MULTILINE)
    in_help = re.findall(r"^    (\d+) ", flywheel("-h").stdout, re.MULTILINE)
    assert set(map(int, in_docs)) == set(map(int, in_help)) == codes


def test_a_misspelt_evalset_is_corrected() -> None:
    with pytest.raises(NoEvalset, match=r"no evalset 'unit_mth' \(did you mean unit_math\?\)"):
        load_evalset("unit_mth")
