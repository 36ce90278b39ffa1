"""flywheel demo: a first look."""

from __future__ import annotations


def demo() -> None:
    """Grade twelve answers with every kind of grader, and print the table."""
    from flywheel.recipes.demo import main

    main()
