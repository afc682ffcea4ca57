"""Judge the claims about jailbreaks, from all arms and seeds.

    python experiments/jailbreak/report.py

Writes data/questions/jailbreak/report and data/questions/jailbreak/claims.json.
"""

from r1.pipeline.question import report
from r1.questions.jailbreak.settings import Settings
from r1.questions.page import Page, Results


@report(Settings)
def main(results: Results[Settings]) -> Page:
    from r1.questions.jailbreak.report import judged

    return judged(results)


if __name__ == "__main__":
    main()
