"""How a long chain of thought becomes short without becoming wrong, and whether its traces teach a short model."""
