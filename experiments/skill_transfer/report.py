"""Judge the claims about transfer, from all arms and seeds.

    python experiments/skill_transfer/report.py

Writes data/questions/skill_transfer/report and data/questions/skill_transfer/claims.json.
"""

from r1.pipeline.question import report
from r1.questions.page import Page, Results
from r1.questions.skill_transfer.settings import Settings


@report(Settings)
def main(results: Results[Settings]) -> Page:
    from r1.questions.skill_transfer.report import judged

    return judged(results)


if __name__ == "__main__":
    main()
