"""How the dev split is asked of the model before it learns, and who answers its graders."""

from __future__ import annotations

from flywheel.engines.engine import EngineSpec
from flywheel.evals.evalset.evalset import Evalset
from flywheel.evals.run.plan import Plan
from flywheel.levers.training.config import TrainingConfig


def dev_plan(config: TrainingConfig, evalset: Evalset) -> Plan:
    """What a baseline measures, and each exam too."""
    definition, spec = evalset.definition, engine_spec(config)
    return Plan(
        evalset=evalset,
        split="dev",
        model=config.model,
        model_digest=spec.model_digest(config.model),
        prompt=definition.prompt,
        sampling=definition.sampling.model_dump(),
        repeats=definition.repeats,
        judge=spec.judge_digest,
    )


def engine_spec(config: TrainingConfig) -> EngineSpec:
    """How a training asks models and grades."""
    return EngineSpec(judge=config.judge, judge_key_env=config.judge_api_key_env)
