"""Does reasoning open a way around a model's refusals, and does a harmless reward that reads it close the way?"""
