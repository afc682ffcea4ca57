"""The DuckDB queries of docs/rollouts.md, with their answers from this machine's run.

pip install duckdb
python -m bench.rollout_queries        # writes the part of docs/rollouts.md below its marker
"""

from pathlib import Path
from typing import Any

PAGE, MARKER = Path("docs/rollouts.md"), "<!-- queries -->"
TABLE = "'data/rollouts/zero/rollouts.parquet'"
QUERIES = (
    (
        "What does R1-Zero learn first? The form, within 60 steps in both families; the answers of chain_sum "
        "improve for longer. Where trying again pays, completions grow.",
        f"""SELECT family, (step - 1) // 20 * 20 + 1 AS from_step, round(avg(reward_accuracy), 2) AS accuracy,
       round(avg(reward_format), 2) AS format, round(avg(tokens)) AS tokens
FROM {TABLE} GROUP BY ALL ORDER BY ALL""",
    ),
    (
        "Where does RL find nothing? A group whose rollouts have one reward gives no gradient. Late in the run that is "
        "a quarter of chain_sum's groups and half of search's, nearly all of them because every rollout is right: "
        "harder prompts would teach more.",
        f"""WITH groups AS (
  SELECT family, (step - 1) // 20 * 20 + 1 AS from_step, step, "group",
         max(reward) = min(reward) AS flat, avg(reward_accuracy) = 1 AS solved
  FROM {TABLE} GROUP BY ALL)
SELECT family, from_step, round(avg(flat::INT), 2) AS flat, round(avg((flat AND solved)::INT), 2) AS flat_and_solved
FROM groups GROUP BY ALL ORDER BY ALL""",
    ),
    (
        "What does a second look earn? In the first 20 steps, rollouts of search with 'Wait' have a positive "
        "advantage, and RL makes them more frequent; in chain_sum 'Wait' follows a slip, costs, and disappears.",
        f"""SELECT family, contains(completion, 'Wait') OR contains(completion, '等等') AS waits, count(*) AS rollouts,
       round(avg(reward_accuracy), 2) AS accuracy, round(avg(advantage), 2) AS advantage
FROM {TABLE} WHERE step <= 20 GROUP BY ALL ORDER BY ALL""",
    ),
)


def answered(question: str, query: str) -> str:
    """The question, its query and the answer, as Markdown."""
    import duckdb  # type: ignore[import-not-found]

    relation = duckdb.sql(query)
    table = [relation.columns, ["---"] * len(relation.columns), *(map(_shown, row) for row in relation.fetchall())]
    lines = ["| " + " | ".join(cells) + " |" for cells in table]
    return "\n".join([question, "", "```sql", query, "```", "", *lines, ""])


def _shown(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)


def main() -> None:
    """Answer every query and write the page."""
    kept = PAGE.read_text().partition(MARKER)[0]
    PAGE.write_text(kept + MARKER + "\n\n" + "\n".join(answered(*each) for each in QUERIES))


if __name__ == "__main__":
    main()
