"""What is said by someone who has no answer: battery.toml, and characters that deceive."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

TABLE: dict[str, dict[str, Any]] = tomllib.loads(
    Path(__file__).with_name("battery.toml").read_text(encoding="utf-8")
)
TEXTS: dict[str, list[str]] = {name: row.pop("texts", []) for name, row in TABLE.items()}
FILLER, ORDERS = " ".join(TEXTS["filler"] * 4), TEXTS["injection"]
# Cyrillic letters, which look like these Latin ones.
LOOKALIKES = str.maketrans(
    "aceopxyABCEHKMOPTX",
    "\u0430\u0441\u0435\u043e\u0440\u0445\u0443\u0410\u0412"
    "\u0421\u0415\u041d\u041a\u041c\u041e\u0420\u0422\u0425",
)
UNSEEN = "\u200b\u200d\u2060\ufeff"
