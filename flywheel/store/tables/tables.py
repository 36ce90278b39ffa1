"""Every table of the store, in one place. Definitions come first, then what refers to them."""

from __future__ import annotations

from flywheel.store.rows.table import Table
from flywheel.store.tables.baselines import BASELINES
from flywheel.store.tables.batches import BATCHES
from flywheel.store.tables.checkpoints import CHECKPOINTS
from flywheel.store.tables.comparisons import COMPARISONS
from flywheel.store.tables.evalsets import EVALSETS
from flywheel.store.tables.floors import FLOORS
from flywheel.store.tables.graders import GRADERS
from flywheel.store.tables.items import ITEMS
from flywheel.store.tables.job_events import JOB_EVENTS
from flywheel.store.tables.jobs import JOBS
from flywheel.store.tables.models import MODELS
from flywheel.store.tables.promotions import PROMOTIONS
from flywheel.store.tables.prompts import PROMPTS
from flywheel.store.tables.run_events import RUN_EVENTS
from flywheel.store.tables.runs import RUNS
from flywheel.store.tables.samples import SAMPLES
from flywheel.store.tables.scores import SCORES
from flywheel.store.tables.test_reads import TEST_READS
from flywheel.store.tables.votes import VOTES

TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        EVALSETS,
        ITEMS,
        GRADERS,
        PROMPTS,
        MODELS,
        RUNS,
        RUN_EVENTS,
        SAMPLES,
        SCORES,
        FLOORS,
        BASELINES,
        TEST_READS,
        COMPARISONS,
        PROMOTIONS,
        VOTES,
        JOBS,
        JOB_EVENTS,
        CHECKPOINTS,
        BATCHES,
    )
}
