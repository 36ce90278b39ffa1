"""flywheel tiny, called in this process: the group stands alone."""

from __future__ import annotations

import subprocess
import sys

from typer.testing import CliRunner

from flywheel.cli.manage.tiny import tiny


def test_the_card_says_what_it_is_what_it_scores_and_what_it_cannot() -> None:
    shown = CliRunner().invoke(tiny, ["card"])
    assert shown.exit_code == 0
    for words in ("# tiny", "| ticket_triage |", "| vague |", "## What it cannot do", "Wilson"):
        assert words in shown.output


def test_seeds_that_are_no_numbers_are_refused() -> None:
    done = CliRunner().invoke(tiny, ["build", "--seeds", "0,one"])
    assert done.exit_code == 1
    assert "--seeds is a list of numbers such as 0,1,2, got '0,one'" in str(done.exception)


def test_the_group_loads_no_torch() -> None:
    code = "import sys, flywheel.cli.manage.tiny; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
