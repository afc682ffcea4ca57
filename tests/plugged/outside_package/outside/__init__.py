"""A package of somebody else's: a task, a reward, an adapter and an engine that r1/ knows nothing of."""
