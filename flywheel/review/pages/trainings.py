"""The Trainings page: all jobs, and one job's exams, alarms and logged values."""

from __future__ import annotations

import streamlit as st

from flywheel.review.pages.chosen import choose, the_review
from flywheel.review.pages.curves import exam_curves, point_text, series_chart, title_of
from flywheel.review.pages.text import answer, fields, plain, table
from flywheel.review.rows import Alarm, Suspect, Training, TrainingLine
from flywheel.visible import visible


def show() -> None:
    """The table of jobs, and the chosen one."""
    st.header("Trainings")
    review = the_review()
    lines = review.trainings()
    if not lines:
        st.info("This store has no jobs yet. Start a training with:")
        st.code("flywheel improve sft sft.yaml", language=None)
        plain(f"store: {review.store.path}")
        return
    table([_row(line) for line in lines])
    st.caption(
        "Newest jobs first. Scores are dev means of the primary grader, at the first exam and at"
        " the best step, which is known once the training has finished."
    )
    job = _pick(lines)
    choose(job=job)
    training = review.training(job)
    _head(training)
    _exams(training)
    _suspects(training.alarms)
    _steps(training)


def _pick(lines: list[TrainingLine]) -> str:
    by_name = {line.job: line for line in lines}
    names = list(by_name)
    asked = str(st.session_state.get("job") or names[0])
    if asked not in by_name:
        plain(f"No job {asked!r} in this list; showing the newest.")
    index = names.index(asked) if asked in by_name else 0
    chosen = st.selectbox("Job", names, index=index, format_func=lambda job: _title(by_name[job]))
    return chosen or names[index]


def _title(line: TrainingLine) -> str:
    alarm = "  ALARM" if line.alarms else ""
    return visible(f"{line.job}  {line.lever}  {line.model[-30:]}  {line.status}{alarm}")


def _row(line: TrainingLine) -> dict[str, object]:
    return {
        "job": line.job,
        "status": line.status,
        "alarms": line.alarms,
        "lever": line.lever,
        "model": line.model[-40:],
        "evalset": line.evalset,
        "seed": line.seed,
        "step": f"{line.step:,} of {'?' if line.steps is None else f'{line.steps:,}'}",
        "dev before": line.before,
        "dev at best": line.best,
        "best step": line.best_step,
        "begun": f"{line.created:%Y-%m-%d %H:%M}",
    }


def _head(training: Training) -> None:
    if not training.events:
        st.info("The store has no events of this job yet.")
    for note in training.notes:
        plain(note)
    for number, alarm in enumerate(training.alarms):
        with st.container(border=True, key=f"alarm-{number}"):
            st.markdown(":material/warning: **Alarm**")
            plain(f"{alarm.name}: {alarm.message}")
    if training.error:
        plain(training.error)
    if training.remedy:
        plain(training.remedy)


def _exams(training: Training) -> None:
    st.subheader("Exams")
    if not training.curves:
        st.info("No evaluation yet: the first one runs before the first step.")
        return
    if training.trouble is not None:
        plain(f"Only means can be shown, without intervals and roles: {training.trouble}")
        exam_curves(training.curves, "mean", change=False)
        return
    exam_curves(training.curves, "change, % of range", change=True)
    first, *later = training.curves[0].points
    if not later:
        st.caption("This is the first exam; changes are shown from the second one on.")
        return
    st.caption(
        f"Changes since the exam at step {first.step:d}, paired by item, in percent of the grader's"
        " range, with 95% intervals. The intervals are not corrected for multiple looks; the alarm"
        " is. Points of one exam are drawn side by side."
    )
    table(
        [
            {
                "grader": title_of(curve),
                "step": curve.points[-1].step,
                "change, % of range [95%]": point_text(curve.points[-1]),
                "items": curve.points[-1].n,
            }
            for curve in training.curves
            if len(curve.points) > 1
        ]
    )


def _suspects(alarms: list[Alarm]) -> None:
    """The answers to inspect first: those of the newest alarm that has any."""
    alarm = next((alarm for alarm in reversed(alarms) if alarm.suspects), None)
    if alarm is None:
        return
    st.subheader("Answers behind the alarm")
    st.caption("The answers with a high reward and a low audit, largest difference first.")
    for suspect in alarm.suspects:
        _suspect(suspect)


def _suspect(suspect: Suspect) -> None:
    with st.container(border=True):
        plain(f"item {suspect.item}")
        answer(suspect.answer)
        plain("\n".join(_score(*score) for score in suspect.scores))
        if suspect.asked:
            with st.expander("The item", expanded=False):
                fields(suspect.asked)


def _score(grader: str, roles: str, score: float | None) -> str:
    shown = "ungraded" if score is None else f"{score:.3f}"
    return f"{shown}  {grader}{f'  ({roles})' if roles else ''}"


def _steps(training: Training) -> None:
    st.subheader("Steps")
    if not training.series:
        st.info("No steps yet.")
        return
    for start in range(0, len(training.series), 2):
        row = training.series[start : start + 2]
        for column, series in zip(st.columns(2), row, strict=False):
            with column:
                st.markdown(f"**{series.name}**")
                series_chart(series)


show()
