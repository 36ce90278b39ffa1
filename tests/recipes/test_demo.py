"""The first look: every kind of grader, real verdicts, and one that is missing."""

from __future__ import annotations

import pytest

from flywheel.recipes.demo import main


def test_the_demo_grades_with_every_kind(capsys: pytest.CaptureFixture[str]) -> None:
    summaries = main()
    assert {name: (s.n, s.unparsed, s.ungraded.total()) for name, s in summaries.items()} == {
        "category": (12, 1, 0),
        "reply_near_ticket": (12, 1, 0),
        "order_named": (12, 0, 0),
        "tone": (12, 0, 1),
        "helpful": (12, 0, 1),
        "all_in_all": (12, 1, 0),
    }
    assert "ungraded is not 0" in capsys.readouterr().out
