"""What tells one read from another: the candidate, and what its scores mean.

A candidate is a model by its weights, a prompt and how it is sampled. What scores mean is said by
the primary grader, the guards with their margins, the audits, the group of items, the judge, the
embedder, and the versions of the evalset and its file: whoever changes one of them looks at the
same items again. Two runs of a candidate that agree in all of it are one measurement, repeated.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from flywheel.store.rows.digest import canonical_json, digest
from flywheel.store.tables.runs import RunRow

_WORDS = {
    "primary": "the primary grader",
    "guards": "the guards or their margins",
    "audits": "the audit graders",
    "group": "the group of items",
    "judge": "the judge",
    "embedder": "the embedding model",
    "repeats": "the samples per item",
    "evalset": "the evalset's definition",
    "split": "the file of the items",
}


def candidate_of(run: RunRow) -> str:
    """The key of the candidate that a run measures, whatever it is called."""
    return digest([run.model_digest, run.prompt_digest, run.sampling_digest])


def scoring_of(run: RunRow, definition: Mapping[str, Any]) -> str:
    """What the scores of a run mean, as canonical JSON. `definition` is its evalset's."""
    graders = dict(json.loads(run.graders))
    guards: Mapping[str, float] = definition.get("guards") or {}
    return canonical_json(
        {
            "primary": graders.get(run.primary_grader),
            "guards": {graders.get(name, name): margin for name, margin in guards.items()},
            "audits": sorted(graders.get(name, name) for name in definition.get("audit") or ()),
            "group": definition.get("group"),
            "judge": run.judge_digest,
            "embedder": run.embedder_digest,
            "repeats": run.repeats,
            "evalset": run.evalset_digest,
            "split": run.split_digest,
        }
    )


def scoring_changes(before: str, now: str) -> list[str]:
    """What differs between two scorings, in words."""
    then, today = json.loads(before), json.loads(now)
    return [words for name, words in _WORDS.items() if then.get(name) != today.get(name)]
