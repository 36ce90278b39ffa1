"""Jobs: long work in a separate process, which can be followed, paused and resumed."""
