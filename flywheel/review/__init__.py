"""Review: web pages to compare two runs and to vote on their answers blind."""
