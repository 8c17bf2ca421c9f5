"""How dates and times are shown, for each language."""
