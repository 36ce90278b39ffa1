"""Several graders combined by a formula."""
