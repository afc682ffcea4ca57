"""Does training on generated data degrade models, generation by generation, and does verification stop it?"""
