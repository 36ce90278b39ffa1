"""The list of all graders that are not combinations. A new grader adds two lines here."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from graders.answers.mathematics import MathGrader
from graders.models.label_model import LabelModelGrader
from graders.models.reward_model import RewardModelGrader
from graders.models.score_model import ScoreModelGrader
from graders.python import PythonGrader
from graders.text.evaluate import EvaluateGrader
from graders.text.string_check import StringCheckGrader
from graders.text.text_similarity import TextSimilarityGrader

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
