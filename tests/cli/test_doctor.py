"""flywheel doctor, from the outside."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.command import flywheel


def test_it_tells_the_tier_the_extras_and_the_models() -> None:
    findings = json.loads(flywheel("doctor", "--json").stdout)
    stories = {finding["subject"]: finding["story"] for finding in findings}
    assert stories["sandbox"].startswith("tier ")
    assert {"extra: local", "extra: train", "extra: serve", "extra: ui", "extra: ray"} <= set(
        stories
    )
    assert {"accelerator", "embedding model", "hub cache", "sandbox: landlock"} <= set(stories)


def test_it_tells_the_size_of_the_store(tmp_path: Path) -> None:
    assert "store " not in flywheel("doctor", cwd=tmp_path).stdout
    (tmp_path / "flywheel.duckdb").write_bytes(b"x" * 2_340_000)
    findings = json.loads(flywheel("doctor", "--json", cwd=tmp_path).stdout)
    assert findings[-1]["story"] == "flywheel.duckdb, 2.3 MB"


def test_it_prints_a_table_for_people() -> None:
    lines = flywheel("doctor").stdout.splitlines()
    assert lines[0].split() == ["available", "component", "details"]
    assert all(line.startswith(("yes", "no")) for line in lines[1:])
