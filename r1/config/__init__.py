"""The typed schema of the configuration, one file per part; `recipe.Config` is the full configuration.

Light on purpose: it imports neither torch nor transformers, so a wrong value fails in well under two seconds, before
any model loads. Values live in conf/; params.yaml is their composition, which DVC tracks and every stage reads.
"""
