"""The report: one verdict for everything planned, as terminal lines, JSON, JUnit XML, Markdown."""
