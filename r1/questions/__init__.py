"""The analysis's open questions (arXiv 2502.02523, section 6) as experiments; docs/questions has a page for each."""
