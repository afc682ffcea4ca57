"""Judge the claims about how little is enough, from all arms and seeds.

    python experiments/how_little/report.py

Writes data/questions/how_little/report and data/questions/how_little/claims.json.
"""

from r1.pipeline.question import report
from r1.questions.how_little.settings import Settings
from r1.questions.page import Page, Results


@report(Settings)
def main(results: Results[Settings]) -> Page:
    from r1.questions.how_little.report import judged

    return judged(results)


if __name__ == "__main__":
    main()
