"""Judge the claims about generated data, from all arms and seeds.

    python experiments/degradation/report.py

Writes data/questions/degradation/report and data/questions/degradation/claims.json.
"""

from r1.pipeline.question import report
from r1.questions.degradation.settings import Settings
from r1.questions.page import Page, Results


@report(Settings)
def main(results: Results[Settings]) -> Page:
    from r1.questions.degradation.report import judged

    return judged(results)


if __name__ == "__main__":
    main()
