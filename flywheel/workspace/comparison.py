"""A comparison as a notebook shows it."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Any

from flywheel.evals.decision.compare import Comparison
from flywheel.evals.decision.conclude import conclude
from flywheel.evals.decision.finding import headline
from flywheel.extras import need
from flywheel.outputs import runs as outputs
from flywheel.reports.page import page
from flywheel.reports.report import Report, load_report
from flywheel.store.reader import Reader
from flywheel.visible import one_line


@dataclass(frozen=True)
class Compared:
    """Runs compared item by item: printed, shown in a notebook, or as figures."""

    comparison: Comparison
    _store: Reader

    def report(self, items: int | None = None) -> Report:
        """The comparison as text, with this many fixed and broken items of each candidate."""
        return load_report(self._store, self.comparison, items)

    def as_json(self) -> outputs.Comparison:
        """The object that `flywheel compare --json` prints, without the items."""
        return self.comparison.as_json()

    def to_pandas(self) -> Any:
        """One row per candidate and grader. Raises MissingExtra without pandas."""
        need("pandas", user="to_pandas()")
        import pandas

        return pandas.DataFrame(
            [
                {"run": one["run"], "grader": grader, **figures}
                for one in self.as_json()["candidates"]
                for grader, figures in one["graders"].items()
            ]
        )

    def __str__(self) -> str:
        base = self.comparison.baseline
        lines = [f"{one_line(base.evalset)} {base.split}: baseline {one_line(base.run)}"]
        for one in self.comparison.candidates:
            lines.append(f"{one_line(one.run.run)}: {headline(one)}")
            lines += [f"  {sentence}" for sentence in conclude(self.comparison, one)]
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        # An iframe keeps its style, and what models wrote, out of the notebook.
        source = escape(page(self.report(3)), quote=True)
        return (
            f'<iframe srcdoc="{source}" sandbox style="width:100%;height:40em;border:0"></iframe>'
        )
