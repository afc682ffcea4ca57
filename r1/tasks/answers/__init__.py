"""Reading an answer of mathematics: its spelling, its structure, and what has to be asked of a worker.

`spelling` brings an answer to one spelling, `quantities` reads numbers and units exactly, `structure` reads the rest
into the parts of `kinds`, `matching` compares two of them. Only expressions are left for sympy, under `guards`.
"""
