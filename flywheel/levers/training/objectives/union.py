"""The union of all objectives, discriminated by `lever`. A new one is a file and a line here."""

from __future__ import annotations

from typing import Annotated, Any, get_args

from pydantic import Field, TypeAdapter

from flywheel.errors import BadOption
from flywheel.levers.training.config import TrainingConfig
from flywheel.levers.training.objectives.dpo import DPO
from flywheel.levers.training.objectives.kto import KTO
from flywheel.levers.training.objectives.pretrain import Pretrain
from flywheel.levers.training.objectives.reward_model import Reward
from flywheel.levers.training.objectives.rft import RFT
from flywheel.levers.training.objectives.sft import SFT

_Objective = SFT | DPO | KTO | RFT | Reward | Pretrain
AnyObjective = Annotated[_Objective, Field(discriminator="lever")]

OBJECTIVE: TypeAdapter[_Objective] = TypeAdapter(AnyObjective)
_BY_LEVER: dict[str, type[TrainingConfig]] = {
    one.model_fields["lever"].default: one for one in get_args(_Objective)
}
LEVERS = tuple(_BY_LEVER)


def objective(lever: Any) -> type[TrainingConfig] | None:
    """The config class of a lever, None for an unknown name."""
    return _BY_LEVER.get(lever) if isinstance(lever, str) else None


def objective_named(lever: Any) -> type[TrainingConfig]:
    """The config class of a lever. Raises BadOption, which lists the levers."""
    config = objective(lever)
    if config is None:
        raise BadOption(f"wanted one of {', '.join(LEVERS)}, got {lever!r}")
    return config
