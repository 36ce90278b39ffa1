"""Makes the items of ticket_triage: tickets of the synthetic support desk.

    python evalsets/ticket_triage/make.py

The same seed gives the same files. Each split has wordings of its own; `group` names the wording
that an item was made from.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from evalsets.write import write_splits
from flywheel.tiny.desk.desk import HOUSE, priority, write_ticket
from flywheel.tiny.desk.phrases import Split

SEED = 20261120
HERE = Path(__file__).parent
SIZES: Mapping[Split, int] = {"train": 600, "dev": 200, "test": 400}


def make(split: Split) -> list[dict[str, Any]]:
    """The items of one split."""
    rng = random.Random(f"{SEED}-{split}")
    items: dict[str, dict[str, Any]] = {}
    while len(items) < SIZES[split]:
        ticket = write_ticket(rng, split)
        answer = {
            "category": ticket.category,
            "priority": priority(ticket, HOUSE),
            "order_id": ticket.order_id,
        }
        items.setdefault(
            ticket.text,
            {
                "id": f"{split}-{len(items):03}",
                "ticket": ticket.text,
                **answer,
                "answer": json.dumps(answer),
                "vip": ticket.vip,
                "urgency": ticket.urgency,
                "group": ticket.template,
            },
        )
    return list(items.values())


def main(folder: Path = HERE) -> None:
    """Write the three files into the folder."""
    write_splits(folder, SIZES, make)


if __name__ == "__main__":
    main()
