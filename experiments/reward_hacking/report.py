"""Judge the claims about reward hacking, from all arms and seeds.

    python experiments/reward_hacking/report.py

Writes data/questions/reward_hacking/report and data/questions/reward_hacking/claims.json.
"""

from r1.pipeline.question import report
from r1.questions.page import Page, Results
from r1.questions.reward_hacking.settings import Settings


@report(Settings)
def main(results: Results[Settings]) -> Page:
    from r1.questions.reward_hacking.report import judged

    return judged(results)


if __name__ == "__main__":
    main()
