"""Trainings: jobs, and of one of them reward against audits, alarms, and what the steps told."""

from __future__ import annotations

import streamlit as st

from flywheel.review.pages.chosen import choose, the_review
from flywheel.review.pages.curves import exam_curves, moved, series_chart, title_of
from flywheel.review.pages.text import answer, fields, plain, table
from flywheel.review.rows import AlarmTold, Suspect, Training, TrainingLine
from flywheel.visible import visible


def show() -> None:
    """The table of jobs, and the one that was chosen."""
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
        "The newest jobs first. Scores are dev means of the primary grader, at the first exam and"
        " at the best step, which is known once a training has finished."
    )
    job = _pick(lines)
    choose(job=job)
    found = review.training(job)
    _head(found)
    _exams(found)
    _suspects(found.alarms)
    _steps(found)


def _pick(lines: list[TrainingLine]) -> str:
    by_name = {line.job: line for line in lines}
    names = list(by_name)
    asked = str(st.session_state.get("job") or names[0])
    if asked not in by_name:
        plain(f"There is no job {asked!r} among these; the newest is shown.")
    index = names.index(asked) if asked in by_name else 0
    found = st.selectbox("Job", names, index=index, format_func=lambda job: _title(by_name[job]))
    return found or names[index]


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


def _head(found: Training) -> None:
    if not found.events:
        st.info("The store has no events of this job yet.")
    for note in found.notes:
        plain(note)
    for number, alarm in enumerate(found.alarms):
        with st.container(border=True, key=f"alarm-{number}"):
            st.markdown(":material/warning: **Alarm**")
            plain(f"{alarm.name}: {alarm.told}")
    if found.error:
        plain(found.error)
    if found.remedy:
        plain(found.remedy)


def _exams(found: Training) -> None:
    st.subheader("Exams")
    if not found.curves:
        st.info("No evaluation yet: the first one runs before the first step.")
        return
    if found.trouble is not None:
        plain(
            "Only plain means can be shown, without intervals, and not which grader is the reward:"
            f" {found.trouble}"
        )
        exam_curves(found.curves, "mean", change=False)
        return
    exam_curves(found.curves, "change, points of span", change=True)
    first, *later = found.curves[0].points
    if not later:
        st.caption("One exam alone: there is nothing to compare it with yet.")
        return
    st.caption(
        f"Changes since the exam of step {first.step:d}, item by item, each with its 95% interval."
        " Intervals are each their own, not corrected for looking many times; the alarm is. Points"
        " of one exam stand a little beside each other."
    )
    table(
        [
            {
                "grader": title_of(curve),
                "step": curve.points[-1].step,
                "change, points [95%]": moved(curve.points[-1]),
                "items": curve.points[-1].n,
            }
            for curve in found.curves
            if len(curve.points) > 1
        ]
    )


def _suspects(alarms: list[AlarmTold]) -> None:
    """The answers that a person should look at first: those of the newest alarm that has any."""
    alarm = next((alarm for alarm in reversed(alarms) if alarm.suspects), None)
    if alarm is None:
        return
    st.subheader("What the alarm shows")
    st.caption("The answers with the highest reward and the lowest audit, the widest apart first.")
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
    said = "ungraded" if score is None else f"{score:.3f}"
    return f"{said}  {grader}{f'  ({roles})' if roles else ''}"


def _steps(found: Training) -> None:
    st.subheader("Steps")
    if not found.series:
        st.info("No steps yet.")
        return
    for start in range(0, len(found.series), 2):
        for column, series in zip(st.columns(2), found.series[start : start + 2], strict=False):
            with column:
                st.markdown(f"**{series.name}**")
                series_chart(series)


show()
