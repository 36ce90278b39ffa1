"""A workspace whose store this process owns: everything a user can do, as methods.

    with open_workspace("flywheel.duckdb", EngineSpec(judge="tiny")) as ws:
        run = ws.eval("ticket_triage", model="tiny")
        print(run)

Runs are measured in one background event loop, so several can run at the same time; with
`wait=False` a method returns a handle immediately. Long work can be interrupted and resumed.
"""

from __future__ import annotations

import atexit
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from shlex import quote
from typing import Any, Unpack

from pydantic import ValidationError

from flywheel.engines.engine import Engine, EngineSpec
from flywheel.engines.needs import check_needs
from flywheel.engines.open import open_engine
from flywheel.errors import BadOption, FlywheelError
from flywheel.evals.decision.compare import Comparison
from flywheel.evals.decision.decide import Rules
from flywheel.evals.decision.gate import Case, judge, promote
from flywheel.evals.decision.gate import Verdict as Decided
from flywheel.evals.decision.sealed_reads import note_read
from flywheel.evals.evalset.evalset import load_evalset
from flywheel.evals.evalset.grader_files import load_graders
from flywheel.evals.grading import regrade
from flywheel.evals.results.results import Result, the_run
from flywheel.evals.run.cache import explain
from flywheel.evals.run.choose import Choice, plan_of, plan_of_run
from flywheel.evals.run.measure import Bench, begin, go_on
from flywheel.evals.run.plan import Plan
from flywheel.jobs.folder import job_folders, jobs_root
from flywheel.jobs.records.ledger import update_store
from flywheel.jobs.submit import Launch, submit
from flywheel.levers.kinds import TRAINING
from flywheel.levers.training.config import TrainingConfig
from flywheel.levers.training.orders.ordering import order_training
from flywheel.outputs import runs as outputs
from flywheel.store.events import START, Event
from flywheel.store.read_server import ReadServer
from flywheel.store.store import open_store
from flywheel.store.tables.decisions import find_baseline
from flywheel.store.tables.runs import Kind, RunRow
from flywheel.store.upkeep.export import Manifest, export_store
from flywheel.synchronous import Background
from flywheel.workspace.job import Job
from flywheel.workspace.options import Count, Options, check_model, checked, typed
from flywheel.workspace.reading import AnyEvalset, AnyRun, Reading, name_of
from flywheel.workspace.run import Doing, Run
from graders.definition import read_grader
from graders.grader import Grader

AnyGraders = str | Path | Grader | Mapping[str, Any] | Sequence[Grader | Mapping[str, Any]]


_CHOICES = ("split", "prompt", "repeats", "limit", "temperature")


class Local(Reading):
    """The workspace of a store that this process owns. A context manager."""

    def __init__(
        self, path: str | Path, spec: EngineSpec | None = None, url: str | None = None
    ) -> None:
        """Open the store, created if missing. `url` is where this process serves it."""
        self.store = open_store(Path(path), url)
        super().__init__(Path(path), self.store)
        self.spec = spec or EngineSpec()
        self._server = ReadServer(self.store, self._cancel, lambda runs: self.compare(*runs))
        self._server.start()
        self._under_way: dict[str, Run] = {}
        self._engine: Engine | None = None
        self._background: Background | None = None
        # Notebooks rarely close what they opened.
        atexit.register(self.close)

    def close(self) -> None:
        """Cancel the active runs, which can be resumed, and close the store."""
        atexit.unregister(self.close)
        self._server.close()
        if self._background is not None:
            self._background.close()
        if self._engine is not None:
            self._engine.__exit__(None, None, None)
        self.store.close()

    def baseline(self, evalset: AnyEvalset, *, model: str, **options: Unpack[Options]) -> Run:
        """Measure a model, and make the run the baseline that candidates have to beat."""
        return self._eval(evalset, model, "baseline", options)

    def eval(self, evalset: AnyEvalset, *, model: str, **options: Unpack[Options]) -> Run:
        """Measure a model on an evalset."""
        return self._eval(evalset, model, "eval", options)

    def explain_cache(
        self, evalset: AnyEvalset, *, model: str, **options: Unpack[Options]
    ) -> list[str]:
        """Lines that say which earlier runs' answers a measurement would reuse."""
        plan, _ = self._plan(evalset, model, checked(options))
        return explain(self.store, plan)

    def resume(
        self, run: AnyRun, *, evalset: AnyEvalset | None = None, **options: Unpack[Options]
    ) -> Run:
        """Resume a run. `evalset` is needed if the evalset is not found by name; one made in
        Python is found beside the store.

        Raises ChangedPlan where something that it depends on has changed since it began.
        """
        options = checked(options)
        row, spec = the_run(self.store, name_of(run)), self._spec(options)
        if row.kind == "regrade":
            verb = f"flywheel regrade --resume {row.run}"
            raise BadOption(f"{row.run} is a regrade; resume with: {verb}")
        named = self._named(evalset) if evalset else self._made_in_python(row)
        plan = plan_of_run(self.store, row, spec, named or None)
        return self._measure(plan, spec, lambda: row, options, named)

    def regrade(
        self, run: AnyRun, graders: AnyGraders, *, judge: str | None = None, wait: bool = True
    ) -> Run:
        """Grade the answers of a run with other graders. The first grader is the primary one."""
        spec, chosen = self._spec({"judge": judge}), _graders(graders)
        check_needs(chosen, spec)
        row = regrade.begin_regrade(self.store, name_of(run), chosen, spec.judge_digest)
        return self._regrade(row, spec, wait)

    def resume_regrade(
        self,
        run: AnyRun,
        graders: AnyGraders = (),
        *,
        judge: str | None = None,
        wait: bool = True,
    ) -> Run:
        """Resume a regrade with the same graders."""
        spec, chosen = self._spec({"judge": judge}), _graders(graders)
        row = regrade.find_regrade(self.store, name_of(run), chosen, spec.judge_digest)
        check_needs(regrade.graders_of(self.store, row), spec)
        return self._regrade(row, spec, wait)

    @typed
    def gate(
        self,
        candidate: AnyRun,
        *,
        baseline: AnyRun,
        seeds: AnyRun | Sequence[AnyRun] = (),
        served: AnyRun | None = None,
        tried: Count = 1,
        rules: Rules | None = None,
    ) -> Verdict:
        """Decide whether a candidate replaces the baseline, and store the decision."""
        case = Case(
            baseline=name_of(baseline),
            candidate=name_of(candidate),
            seeds=[name_of(one) for one in ([seeds] if isinstance(seeds, str | Run) else seeds)],
            served=None if served is None else name_of(served),
            tried=tried,
        )
        return Verdict(self, judge(self.store, case, rules))

    @typed
    def improve(
        self,
        lever: TrainingConfig,
        evalset: AnyEvalset | None = None,
        *,
        measure_first: bool = False,
        max_cost: float | None = None,
        launch: Launch | None = None,
        say: Callable[[str], None] = lambda text: None,
    ) -> Job:
        """Start a job that makes a candidate with a lever.

        With `evalset`, the lever's config may omit the evalset and the model, which is then that of
        the newest baseline on dev. Raises NoBaseline if there is none, unless it is to be measured
        first. A training whose estimated cost exceeds `max_cost` dollars does not start; this needs
        `dollars_per_hour` in the lever. `say` gets warnings.
        """
        if evalset is not None:
            lever = self._for(lever, evalset)
        order = order_training(
            lever, self.store, measure_first=measure_first, max_cost=max_cost, warn=say
        )
        job = submit(jobs_root(self.path), TRAINING, order, launch or Launch())
        update_store(self.store, [job.folder])
        return Job(job.folder, job.process, lambda: update_store(self.store, [job.folder]))

    def _for(self, lever: TrainingConfig, evalset: AnyEvalset) -> TrainingConfig:
        """The lever's config with this evalset and the model of its baseline."""
        loaded = self.evalset(evalset)
        fields = lever.model_dump(exclude_unset=True)
        fields["evalset"] = self._named(evalset)
        held = find_baseline(self.store, loaded.digest, "dev")
        if held is not None:
            fields.setdefault("model", the_run(self.store, held.run).model)
        return type(lever).model_validate(fields)

    def events(self, since: str = str(START), most: int = 1000) -> tuple[list[Event], str]:
        """The events of runs and jobs after a cursor, and the next cursor."""
        self.keep_jobs(job_folders(jobs_root(self.path)))
        return super().events(since, most)

    def keep_jobs(self, folders: Iterable[Path]) -> None:
        """Store the events of these jobs that the store does not have yet."""
        update_store(self.store, folders)

    @typed
    def export(self, folder: Path) -> Manifest:
        """Write every table to a Parquet file."""
        return export_store(self.store, folder)

    def _eval(self, evalset: AnyEvalset, model: str, kind: Kind, options: Options) -> Run:
        options = checked(options)
        plan, spec = self._plan(evalset, model, options)
        begun = partial(begin, plan, self.store, kind)
        return self._measure(plan, spec, begun, options, self._named(evalset))

    def _named(self, evalset: AnyEvalset) -> str:
        """The evalset as a command names it: the given name, or its folder."""
        return str(evalset if isinstance(evalset, str | Path) else self.evalset(evalset).folder)

    def _made_in_python(self, row: RunRow) -> str:
        """The folder of a run's evalset if it was made in Python, else an empty string."""
        folders = self._made.glob(f"*/{row.evalset}") if row.evalset.isidentifier() else ()
        for folder in sorted(folders):
            with suppress(FlywheelError):
                if load_evalset(str(folder)).digest == row.evalset_digest:
                    return str(folder)
        return ""

    def _plan(self, evalset: AnyEvalset, model: str, options: Options) -> tuple[Plan, EngineSpec]:
        check_model(model)
        spec = self._spec(options)
        chosen: Any = {name: value for name, value in options.items() if name in _CHOICES}
        choice = Choice(evalset=self.evalset(evalset), model=model, **chosen)
        return plan_of(choice, spec), spec

    def _spec(self, options: Options) -> EngineSpec:
        return replace(self.spec, judge=options.get("judge") or self.spec.judge)

    def _under(self, spec: EngineSpec) -> Engine:
        """An engine for one run: it shares open models, and has its own meters."""
        if self._engine is None:
            self._engine = open_engine(replace(self.spec, judge=None))
        return self._engine.under(spec)

    def _measure(
        self,
        plan: Plan,
        spec: EngineSpec,
        begun: Callable[[], RunRow],
        options: Options,
        evalset: str,
    ) -> Run:
        """Do what is left of a run. `begun` stores it, after everything that it needs is opened."""
        engine = self._under(spec)
        sampler = engine.open(plan.model)
        check_needs(plan.graders, spec)
        row, again = begun(), _again(spec, evalset)
        what = f"{plan.evalset.name} {plan.split}"
        doing = Doing(sampler, engine.judge, what, plan.count * plan.repeats, options=again)
        cache, floors = options.get("cache", True), options.get("judge_floors", False)
        bench = Bench(self.store, engine, doing.advance, cache, floors, again)
        return self._start(row, doing, go_on(plan, row, bench), options.get("wait", True))

    def _regrade(self, row: RunRow, spec: EngineSpec, wait: bool) -> Run:
        engine, again = self._under(spec), _again(spec, "")
        left = regrade.count_left(self.store, row)
        doing = Doing(None, engine.judge, "grading", left, "verdicts", again)
        work = regrade.go_on_regrade(
            self.store, row, engine, doing.advance, engine.affordable, again
        )
        return self._start(row, doing, work, wait)

    def _start(
        self, row: RunRow, doing: Doing, work: Coroutine[Any, Any, Result], wait: bool
    ) -> Run:
        if self._background is None:
            self._background = Background()
        run = Run(self.store, row, doing, self._background.start(work))
        living = {name: one for name, one in self._under_way.items() if not one.has_ended()}
        self._under_way = {**living, run.name: run}
        return run.wait() if wait else run

    def _note_look(self, comparison: Comparison) -> None:
        note_read(self.store, comparison, "compare")

    def _cancel(self, name: str) -> bool:
        run = self._under_way.get(name)
        if run is None or run.has_ended():
            return False
        run.cancel()
        return True


class Verdict:
    """A decision of the gate, which can be printed, read and carried out."""

    def __init__(self, workspace: Local, decided: Decided) -> None:
        self._workspace, self.decided = workspace, decided

    @property
    def outcome(self) -> str:
        """promote, keep or undecided."""
        return self.decided.decision.outcome

    def promote(self) -> Verdict:
        """Make the candidate the baseline. Raises BadOption unless the decision is to promote."""
        promote(self._workspace.store, self.decided)
        return self

    def as_json(self) -> outputs.Gate:
        """The object that `flywheel gate --json` prints."""
        return self.decided.as_json()

    def __str__(self) -> str:
        checks = [
            f"{one.state:<5} {one.name}: {one.reason}" for one in self.decided.decision.checks
        ]
        return "\n".join([*checks, self.outcome.upper()])

    __repr__ = __str__


def _graders(graders: AnyGraders) -> Sequence[Grader]:
    """Graders from a file, wire JSON or grader objects. Raises BadFile or BadOption."""
    if isinstance(graders, str | Path):
        return load_graders(Path(graders))
    given = [graders] if isinstance(graders, Grader | Mapping) else graders
    try:
        return [one if isinstance(one, Grader) else read_grader(one) for one in given]
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(step) for step in first["loc"])
        raise BadOption(f"no grader: {field} {first['msg']}, got {first['input']!r:.80}") from None


def _again(spec: EngineSpec, evalset: str) -> str:
    """The options that a command which resumes the run has to repeat.

    These are an evalset folder that its name does not find, the judge, and the names of keys.
    """
    folder = f" {quote(evalset)}" if Path(evalset).name != evalset else ""
    given = {
        "--judge": spec.judge,
        "--api-key-env": spec.key_env,
        "--judge-api-key-env": spec.judge_key_env,
    }
    return folder + "".join(f" {name} {quote(value)}" for name, value in given.items() if value)
