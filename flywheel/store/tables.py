"""Every table of the store, in one place. Definitions come first, then what refers to them."""

from __future__ import annotations

from flywheel.store.baselines import BASELINES
from flywheel.store.batches import BATCHES
from flywheel.store.checkpoints import CHECKPOINTS
from flywheel.store.comparisons import COMPARISONS
from flywheel.store.evalsets import EVALSETS
from flywheel.store.floors import FLOORS
from flywheel.store.graders import GRADERS
from flywheel.store.items import ITEMS
from flywheel.store.job_events import JOB_EVENTS
from flywheel.store.jobs import JOBS
from flywheel.store.models import MODELS
from flywheel.store.promotions import PROMOTIONS
from flywheel.store.prompts import PROMPTS
from flywheel.store.run_events import RUN_EVENTS
from flywheel.store.runs import RUNS
from flywheel.store.samples import SAMPLES
from flywheel.store.scores import SCORES
from flywheel.store.table import Table
from flywheel.store.test_reads import TEST_READS
from flywheel.store.votes import VOTES

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
