"""Why a run lacks answers or verdicts: the reasons that its rows hold, counted."""

from __future__ import annotations

from flywheel.samplers.failures import Reason, reasons
from flywheel.store.reader import Reader
from flywheel.store.tables.runs import RunRow
from flywheel.store.tables.samples import NEWEST_SAMPLES
from flywheel.store.tables.scores import VERDICTS

# So many different texts are grouped; what is rarer is left out of the counts.
_MOST = 10_000
_FAILED = f"""
SELECT "error" AS "text", count(*) AS "count" FROM ({NEWEST_SAMPLES})
WHERE "error" IS NOT NULL GROUP BY "error" ORDER BY "count" DESC, "text" LIMIT {_MOST}
"""
_UNGRADED = f"""
SELECT coalesce("error_detail", "error_kind") AS "text", count(*) AS "count" FROM ({VERDICTS})
WHERE "score" IS NULL AND "name" = $grader GROUP BY 1 ORDER BY "count" DESC, "text" LIMIT {_MOST}
"""


def failed_requests(store: Reader, row: RunRow) -> list[Reason]:
    """Why requests of a run failed, those of its parent for a regrade."""
    rows = store.query(_FAILED, {"run": row.sampled})
    return reasons((str(one["text"]), int(one["count"])) for one in rows)


def missing_verdicts(store: Reader, row: RunRow) -> list[Reason]:
    """Why answers have no verdict of the primary grader."""
    rows = store.query(_UNGRADED, {"run": row.run, "grader": row.primary_grader})
    return reasons((str(one["text"]), int(one["count"])) for one in rows)
