"""Reading files from outside, and replacing files: strictly, within bounds, at once."""
