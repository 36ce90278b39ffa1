"""Review: runs side by side, and people's blind votes on them. The pages show what `data` tells."""
