"""The arm `teacher`: a student of each teacher, and what they make of what the other writes."""

import random
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from r1.models.policy import Policy
from r1.questions.arm import Arm, Outcome
from r1.questions.forensics.behaviour import style
from r1.questions.forensics.likelihood import completions, score
from r1.questions.forensics.names import ITSELF, STUDENT
from r1.questions.forensics.settings import Settings
from r1.questions.forensics.training import tuned
from r1.questions.lab import by_level, kept, sampled, seed_of
from r1.support.tables import as_rows, read_rows


def run(arm: Arm[Settings]) -> Outcome:
    """Train and sample the students, let every teacher read them, and them every teacher.

    Returns:
        `likelihood`: one row per writer, teacher, completion and candidate: writer, teacher, sample, candidate, logp.
        `gain`: one row per student's teacher, candidate and the candidate's own completion: teacher, candidate, sample,
        gain, how much likelier SFT has made it. `style`: one row per writer and teacher, with `names.STYLE`.
    """
    settings, asked = arm.settings, arm.settings.teacher
    candidates = {name: Policy(Path(getattr(settings.inputs, name))) for name in asked.teachers}
    start = Policy(Path(getattr(settings.inputs, asked.student)))
    prompts = read_rows(settings.inputs.prompts)
    taught = random.Random(seed_of(arm, "taught")).choices(prompts, k=asked.completions)
    problems = read_rows(settings.inputs.evaluate)
    levels = len({row["level"] for row in problems})
    watched = by_level(problems, -(-asked.problems // levels))[: asked.problems]

    def written(model: Policy, rows: list[dict[str, Any]], purpose: str) -> pd.DataFrame:
        return sampled(arm.recipe.evaluate, model, rows, seed_of(arm, purpose), num_samples=1)

    students: dict[str, Policy] = {}
    written_by, styles = [], []
    for name, teacher in candidates.items():
        lesson = kept(arm, f"lesson-{name}", partial(written, teacher, taught, "lesson"))
        whole = lesson[~lesson["truncated"] & (lesson["completion"] != "")]
        students[name] = tuned(arm, name, start, as_rows(whole), asked.tuning, asked.epochs, asked.tuning.learning_rate)
        for writer, policy in {STUDENT: students[name], ITSELF: teacher}.items():
            samples = kept(arm, f"{writer}-{name}", partial(written, policy, watched, f"watched {writer}"))
            styles.append({"writer": writer, "teacher": name, **style(samples)})
            written_by.append(samples.assign(writer=writer, teacher=name, sample=range(len(samples))))
    texts = pd.concat(written_by, ignore_index=True)
    keys = texts[["writer", "teacher", "sample"]]
    table = pd.concat(
        [keys.assign(candidate=name, logp=_read(candidate, texts)) for name, candidate in candidates.items()],
        ignore_index=True,
    )
    lessons = texts[texts["writer"] == ITSELF]
    keys = lessons[["teacher", "sample"]].rename(columns={"teacher": "candidate"})
    before = _read(start, lessons)
    gain = pd.concat(
        [keys.assign(teacher=name, gain=_read(student, lessons) - before) for name, student in students.items()],
        ignore_index=True,
    )
    found = table[table["writer"] == STUDENT].groupby(["teacher", "candidate"])["logp"].mean().unstack().idxmax(axis=1)
    return Outcome(
        {"likelihood": table, "gain": gain, "style": pd.DataFrame(styles)},
        {"named": float((found == found.index).mean())},
    )


def _read(reader: Policy, texts: pd.DataFrame) -> np.ndarray:
    """Log-likelihood of each completion under a model, [texts]."""
    return np.array([float(read.logp.sum()) for read in score(reader, completions(reader, as_rows(texts)))])
