"""Every table of the store. Definitions come first, then the tables that refer to them."""

from __future__ import annotations

from flywheel.store.rows.table import Table
from flywheel.store.tables.batches import BATCHES
from flywheel.store.tables.decisions import BASELINES, COMPARISONS, PROMOTIONS
from flywheel.store.tables.definitions import EVALSETS, GRADERS, ITEMS, MODELS, PROMPTS
from flywheel.store.tables.floors import FLOORS
from flywheel.store.tables.jobs import CHECKPOINTS, JOB_EVENTS, JOBS
from flywheel.store.tables.reads import ITEM_SETS, READS_CHAIN, SPLIT_SETS
from flywheel.store.tables.runs import RUN_EVENTS, RUNS
from flywheel.store.tables.samples import SAMPLES
from flywheel.store.tables.scores import SCORES
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
        READS_CHAIN,
        ITEM_SETS,
        SPLIT_SETS,
        COMPARISONS,
        PROMOTIONS,
        VOTES,
        JOBS,
        JOB_EVENTS,
        CHECKPOINTS,
        BATCHES,
    )
}
