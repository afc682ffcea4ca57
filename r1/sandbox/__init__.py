"""Run model-written Python against its tests, so that the code can neither do harm nor fake a pass.

The entry point is `examine.passes`. It starts two processes, each in its own sandbox: the candidate
executes the model's code and answers calls; the examiner executes the tests and gives the verdict.
They exchange only plain data, and the model's code never sees a test or an expected value.
"""
