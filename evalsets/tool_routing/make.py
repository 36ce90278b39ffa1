"""Makes the items of tool_routing: requests, with the function call that meets each.

    python evalsets/tool_routing/make.py

The same seed gives the same files. Each split has wordings of its own; `group` names the wording
that an item was made from, `large_refund` whether the shop's own rule decides.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from evalsets.write import write_splits
from flywheel.tiny.desk.calls import routed, write_request
from flywheel.tiny.desk.phrases import Split

SEED = 20261120
HERE = Path(__file__).parent
SIZES: Mapping[Split, int] = {"train": 300, "dev": 150, "test": 300}


def make(split: Split) -> list[dict[str, Any]]:
    """The items of one split."""
    rng = random.Random(f"{SEED}-{split}")
    items: dict[str, dict[str, Any]] = {}
    while len(items) < SIZES[split]:
        request = write_request(rng, split)
        name = routed(request)
        items.setdefault(
            request.text,
            {
                "id": f"{split}-{len(items):03}",
                "request": request.text,
                "name": name,
                "arguments": request.arguments,
                "large_refund": name != request.name,
                "group": request.template,
            },
        )
    return list(items.values())


def main(folder: Path = HERE) -> None:
    """Write the three files into the folder."""
    write_splits(folder, SIZES, make)


if __name__ == "__main__":
    main()
