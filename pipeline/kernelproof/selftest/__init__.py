"""Things broken on purpose, to see that checks notice: mutants, faults, and planted errors."""
