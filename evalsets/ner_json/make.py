"""Makes the items of ner_json: notes, with what they name.

    python evalsets/ner_json/make.py

The same seed gives the same files. Each split has wordings of its own; `group` names the wording
that an item was made from, `missing` the kinds that it does not name.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from evalsets.write import write_splits
from flywheel.tiny.desk.notes import write_note
from flywheel.tiny.desk.phrases import Split

SEED = 20261120
HERE = Path(__file__).parent
SIZES: Mapping[Split, int] = {"train": 300, "dev": 150, "test": 300}


def make(split: Split) -> list[dict[str, Any]]:
    """The items of one split."""
    rng = random.Random(f"{SEED}-{split}")
    items: dict[str, dict[str, Any]] = {}
    while len(items) < SIZES[split]:
        note = write_note(rng, split)
        items.setdefault(
            note.text,
            {
                "id": f"{split}-{len(items):03}",
                "note": note.text,
                "answer": note.entities,
                "missing": [kind for kind, text in note.entities.items() if text is None],
                "group": note.template,
            },
        )
    return list(items.values())


def main(folder: Path = HERE) -> None:
    """Write the three files into the folder."""
    write_splits(folder, SIZES, make)


if __name__ == "__main__":
    main()
