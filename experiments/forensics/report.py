"""Judge the claims about forensics, from all arms and seeds.

    python experiments/forensics/report.py

Writes data/questions/forensics/report and data/questions/forensics/claims.json.
"""

from r1.pipeline.question import report
from r1.questions.forensics.settings import Settings
from r1.questions.page import Page, Results


@report(Settings)
def main(results: Results[Settings]) -> Page:
    from r1.questions.forensics.report import judged

    return judged(results)


if __name__ == "__main__":
    main()
