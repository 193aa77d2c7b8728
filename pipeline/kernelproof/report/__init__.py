"""The report: one verdict for everything planned, in a terminal, as JSON, JUnit, Markdown, HTML."""
