"""Running Python that a model wrote, and the tests it must pass, where neither can do harm nor lie.

`examine` is the way in: two processes, each in a sandbox of its own. The candidate's executes
the model's code and answers calls; the examiner's executes the tests and gives the verdict. All
that passes between them is plain data, and the model's code never sees a test or an expected value.
"""
