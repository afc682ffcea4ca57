"""Who taught a student: three ways to name a candidate."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from r1.questions.forensics.names import ITSELF, STUDENT, STYLE


def by_likelihood(likelihood: pd.DataFrame) -> pd.DataFrame:
    """One row per seed, writer and teacher, with `named`: the candidate of the highest mean log-likelihood."""
    means = likelihood.groupby(["seed", "writer", "teacher", "candidate"], sort=False)["logp"].mean().unstack()
    return means.idxmax(axis=1).rename("named").reset_index()


def by_gain(gain: pd.DataFrame) -> pd.DataFrame:
    """One row per seed and teacher, with `named`: the candidate whose own samples SFT has made likelier the most."""
    means = gain.groupby(["seed", "teacher", "candidate"], sort=False)["gain"].mean().unstack()
    return means.idxmax(axis=1).rename("named").reset_index()


def by_style(style: pd.DataFrame) -> pd.DataFrame:
    """One row per seed and teacher, with `named`: the candidate whose samples are nearest to the student's in STYLE.

    Features are scaled by their standard deviation over the candidates.
    """
    rows = []
    for seed, table in style.groupby("seed", sort=False):
        candidates = table[table["writer"] == ITSELF].set_index("teacher")[list(STYLE)]
        scale = candidates.std(ddof=0).replace(0.0, np.inf)
        for student in table[table["writer"] == STUDENT].to_dict("records"):
            distances = ((candidates - [student[name] for name in STYLE]) / scale).pow(2).sum(axis=1)
            rows.append({"seed": seed, "teacher": student["teacher"], "named": distances.idxmin()})
    return pd.DataFrame(rows)


def accuracy_of_few(read: pd.DataFrame, column: str, few: Sequence[int], draws: int = 200) -> pd.DataFrame:
    """Accuracy with so many completions drawn at random, of the student or of each candidate.

    Args:
        read: rows of seed, teacher, candidate, sample, and the column.
        column: whose mean is highest for the candidate that is named.
        few: numbers of completions.
        draws: per student.

    Returns:
        Rows of seed, completions, accuracy.
    """
    rng = np.random.default_rng(0)
    rows = []
    for seed, of_seed in read.groupby("seed", sort=False):
        tables = {
            teacher: table.pivot(index="sample", columns="candidate", values=column)
            for teacher, table in of_seed.groupby("teacher", sort=False)
        }
        for count in few:
            hits = [
                table.columns[table.to_numpy()[rng.choice(len(table), count, replace=False)].sum(axis=0).argmax()]
                == teacher
                for teacher, table in tables.items()
                for _ in range(draws)
            ]
            rows.append({"seed": seed, "completions": count, "accuracy": float(np.mean(hits))})
    return pd.DataFrame(rows)


def confusion(named: pd.DataFrame, teachers: Sequence[str]) -> np.ndarray:
    """Counts of attributions, [teacher, named]."""
    table = pd.crosstab(named["teacher"], named["named"]).reindex(
        index=list(teachers), columns=list(teachers), fill_value=0
    )
    counts: np.ndarray = table.to_numpy()
    return counts
