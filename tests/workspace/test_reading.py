"""What is read of a store: of one run alone, and through another process that owns it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import flywheel as fw
from flywheel.store.execute import Params
from flywheel.store.reader import Reader
from flywheel.store.store import Store, open_store
from flywheel.workspace.open import open_reading
from flywheel.workspace.reading import Remote
from flywheel.workspace.run import Run
from tests.store import rows

CHECK = {"type": "string_check", "name": "same", "operation": "eq", "reference": "{{ item.gold }}"}


class Counting(Reader):
    """Reads a store, and counts the rows that it gives."""

    def __init__(self, store: Store) -> None:
        super().__init__(store.path, store._connection)  # pyright: ignore[reportPrivateUsage]
        self.count = 0

    def query(self, sql: str, params: Params = ()) -> list[dict[str, Any]]:
        found = super().query(sql, params)
        self.count += len(found)
        return found


def test_the_events_of_a_run_are_read_without_those_of_others(tmp_path: Path) -> None:
    others = [rows.event("run-b", "started", minute) for minute in range(40)]
    own = [rows.event("run-a", "started"), rows.event("run-a", "finished", 50)]
    with open_store(tmp_path / "s.duckdb") as store:
        store.write("events", {"run_events": [own[0], *others, own[1]]})
        reader = Counting(store)
        found = Run(reader, rows.run("run-a")).events()
    assert [one.kind for one in found] == ["run.started", "run.finished"]
    assert reader.count == 2


def test_a_comparison_on_test_is_recorded_by_the_owner_of_the_store(tmp_path: Path) -> None:
    items = [{"id": str(n), "gold": "yes"} for n in range(8)]
    task = fw.Evalset(items=items, test=items, prompt="Say yes, {{ item.id }}.", graders=[CHECK])
    for text in ("yes", "no"):
        (tmp_path / text).write_text(f'{{"when": "", "text": "{text}"}}\n')
    with fw.open(tmp_path / "s.duckdb") as ws:
        held = ws.baseline(task, model=f"scripted:{tmp_path}/no", split="test")
        better = ws.eval(task, model=f"scripted:{tmp_path}/yes", split="test")
        with open_reading(ws.path) as other:
            assert isinstance(other, Remote)
            assert "+100.0 points" in str(other.compare(held.name, "latest"))
        reads = ws.store.tuples('SELECT "purpose", "run" FROM "reads_chain" ORDER BY "n"')
        assert reads[2:] == [("compare", better.name)]
