"""Definitions: from wire JSON to a grader, and back."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, TypeAdapter

from graders.combine.multi import MultiGrader
from graders.grader import Grader
from graders.grader_types import Leaf

AnyGrader = Annotated[Leaf | MultiGrader, Field(discriminator="type")]
# Runs the user's own code in this process, or loads what lies on this machine: fine from a file,
# refused when it comes over HTTP.
LOCAL_ONLY = frozenset({"evaluate", "reward_model"})

_ADAPTER: TypeAdapter[Any] = TypeAdapter(AnyGrader)


def read_grader(definition: Any) -> Grader:
    """The grader that wire JSON defines. Raises pydantic's ValidationError."""
    grader: Grader = _ADAPTER.validate_python(definition)
    return grader


def wire_json(grader: Grader) -> dict[str, Any]:
    """The definition as it was given, with the name it answers to."""
    return {
        **grader.model_dump(mode="json", by_alias=True, exclude_unset=True),
        "name": grader.name,
    }


def grader_types() -> tuple[str, ...]:
    """The `type` of every grader, in the order of the union."""
    schema = _ADAPTER.json_schema()
    return tuple(schema["discriminator"]["mapping"])
