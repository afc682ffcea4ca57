"""DeepSeek-R1's whole recipe: tasks, rewards, models, training, sampling, curation, evaluation, reporting."""
