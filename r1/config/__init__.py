"""The typed schema of the configuration, a file per part; `recipe.Config` is the whole.

Light on purpose: it imports neither torch nor transformers, so a wrong value fails in well under two seconds, before
any model loads. Values live in conf/; params.yaml is their composition, which DVC tracks and every stage reads.
"""
