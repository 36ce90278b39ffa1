"""prompts: every wording that a model was ever asked with."""

from __future__ import annotations

from typing import NamedTuple

from flywheel.store.rows.table import Table


class PromptRow(NamedTuple):
    """One prompt. `messages` is the JSON list of its template messages."""

    digest: str
    messages: str


PROMPTS = Table("prompts", PromptRow, key=("digest",), definition=True)
