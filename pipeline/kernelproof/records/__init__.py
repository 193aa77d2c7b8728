"""The files on disk: records of results, verdicts, and the sealed files they are judged by."""
