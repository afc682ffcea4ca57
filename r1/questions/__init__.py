"""The analysis's open questions (arXiv 2502.02523) as experiments on the recipe's artifacts.

A question is

- experiments/<question>/: params.yaml, dvc.yaml (arms × seeds, then the report), and the scripts arm.py and report.py,
  whose bodies call
- r1/questions/<question>/: `settings.py` (a QuestionSettings, light to import), what an arm does (Arm -> Outcome), and
  the report (Results -> Page), which writes claims from `effects`, with at least one control among them;
- tests/questions/test_<question>.py; test_experiments.py there checks dvc.yaml against the code and the settings.

`lab` trains and samples within an arm: what it has trained or sampled, a killed arm finds again.
"""
