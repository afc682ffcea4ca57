"""How good is a model, how sure are we, and which of the paper's claims does that support."""
