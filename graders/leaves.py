"""Every grader that stands alone: the one list. A new grader is two lines here."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from graders.evaluate import EvaluateGrader
from graders.label_model import LabelModelGrader
from graders.mathematics import MathGrader
from graders.python import PythonGrader
from graders.reward_model import RewardModelGrader
from graders.score_model import ScoreModelGrader
from graders.string_check import StringCheckGrader
from graders.text_similarity import TextSimilarityGrader

Leaf = Annotated[
    StringCheckGrader
    | TextSimilarityGrader
    | ScoreModelGrader
    | LabelModelGrader
    | PythonGrader
    | MathGrader
    | EvaluateGrader
    | RewardModelGrader,
    Field(discriminator="type"),
]
