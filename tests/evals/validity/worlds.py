"""Small evalsets of each kind of gold answer, for the tests of the battery."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import yaml

from flywheel.engines.engine import Answerer
from flywheel.evals.evalset.evalset import load_evalset
from flywheel.evals.validity.check import GraderCheck, check_graders, draw_items
from flywheel.evals.validity.probe import Material

CAPITALS = {
    "France": "Paris",
    "Italy": "Rome",
    "Norway": "Oslo",
    "Spain": "Madrid",
    "Kenya": "Nairobi",
    "Peru": "Lima",
    "Japan": "Tokyo",
    "Cuba": "Havana",
    "Iraq": "Baghdad",
    "Chile": "Santiago",
    "Ghana": "Accra",
    "Nepal": "Kathmandu",
}
LABELS = ("billing", "shipping", "billing", "returns", "billing", "account")
AMOUNTS = (12, 35, 7, 120, 48, 99, 301, 64, 5, 77, 230, 18)


def _capitals() -> list[dict[str, Any]]:
    return [{"q": f"Capital of {c}?", "country": c, "gold": k} for c, k in CAPITALS.items()]


def _labels() -> list[dict[str, Any]]:
    return [{"q": f"Ticket {n}, which desk?", "gold": LABELS[n % 6]} for n in range(18)]


def _sums() -> list[dict[str, Any]]:
    return [
        {"q": f"Sum {chr(97 + n)}?", "number": str(a), "gold": f"The answer is {a} cents."}
        for n, a in enumerate(AMOUNTS)
    ]


def _choices() -> list[dict[str, Any]]:
    return [
        {"q": f"q{n}? (A) one (B) two (C) three (D) four", "letter": "ABCD"[n % 4]}
        | {"gold": f"The answer is {'ABCD'[n % 4]}."}
        for n in range(16)
    ]


def _objects() -> list[dict[str, Any]]:
    return [
        {
            "q": f"Ticket {n}?",
            "desk": LABELS[n % 6],
            "amount": AMOUNTS[n],
            "gold": json.dumps({"desk": LABELS[n % 6], "amount": AMOUNTS[n]}),
        }
        for n in range(12)
    ]


def _verdicts() -> list[dict[str, Any]]:
    return [{"q": f"Is {n} even?", "gold": "no" if n % 2 else "yes"} for n in range(14)]


WORLDS = {
    "capitals": _capitals,
    "labels": _labels,
    "sums": _sums,
    "choices": _choices,
    "objects": _objects,
    "verdicts": _verdicts,
}


def write_world(folder: Path, world: str, *graders: dict[str, Any], **fields: Any) -> Path:
    """The evalset of this world with these graders, the first of which is the primary one."""
    definition = {
        "prompt": [{"role": "user", "content": "{{ item.q }} Say the answer."}],
        "gold": "{{ item.gold }}",
        "graders": [{"name": f"g{at}", **grader} for at, grader in enumerate(graders)],
        "primary": "g0",
        **fields,
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "evalset.yaml").write_text(yaml.safe_dump(definition))
    rows = [{"id": f"i{at}", **row} for at, row in enumerate(WORLDS[world]())]
    for split in ("train", "dev", "test"):
        (folder / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def played(folder: Path, engine: Answerer, most: int = 50) -> list[GraderCheck]:
    """The battery, played to the graders of the evalset in a folder."""
    evalset = load_evalset(str(folder))
    material = Material(evalset, tuple(draw_items(evalset, "dev", most)))
    return asyncio.run(check_graders(material, evalset.graders, engine))


def bad(check: GraderCheck) -> set[str]:
    """The names of the probes that show a fault."""
    return {probe.probe for probe in check.bad}
