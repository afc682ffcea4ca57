"""`python -m r1 watch`: a page on this machine that shows a run as it goes."""
