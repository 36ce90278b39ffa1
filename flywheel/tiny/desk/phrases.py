"""The customers' sentences in phrases.yaml, by split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from flywheel.document import load_document

Split = Literal["train", "dev", "test"]
Table = Mapping[Split, Mapping[str, Sequence[str]]]

_PHRASES: Mapping[str, Any] = load_document(Path(__file__).with_name("phrases.yaml")).value
COMPLAINTS: Table = _PHRASES["complaints"]
URGENCY: Table = _PHRASES["urgency"]
REQUESTS: Table = _PHRASES["requests"]
NOTES: Mapping[Split, Sequence[str]] = _PHRASES["notes"]
