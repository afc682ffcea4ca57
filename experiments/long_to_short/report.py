"""Judge the claims about shorter chains of thought, from all arms and seeds.

    python experiments/long_to_short/report.py

Writes data/questions/long_to_short/report and data/questions/long_to_short/claims.json.
"""

from r1.pipeline.question import report
from r1.questions.long_to_short.settings import Settings
from r1.questions.page import Page, Results


@report(Settings)
def main(results: Results[Settings]) -> Page:
    from r1.questions.long_to_short.report import judged

    return judged(results)


if __name__ == "__main__":
    main()
