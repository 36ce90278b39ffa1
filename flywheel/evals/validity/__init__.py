"""Is a grader worth trusting? Asked with answers whose verdict is known beforehand."""
