"""The checks, a folder each: `ask` runs a case, `judge` concludes from its record."""
