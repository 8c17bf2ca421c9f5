"""The verbs of the core domain: every change of it goes through one of these functions."""
