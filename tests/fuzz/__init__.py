"""Broken and hostile files for everything that reads one: ``nox -s fuzz``.

The way of one input through the files::

    readers (the code that reads a file, and valid files) -> mutation (changed bytes) or structures
    (values changed by hypothesis) -> guard (limits of writes, processes, time, memory) -> trial
    (one file, read once, and the outcome) -> campaign (many of them, some with one place as large
    as possible) -> __main__ (a process for each reader) -> fuzz_results (results/)

Whatever a file holds, its reader takes it, or refuses it with a documented exit code in plain
lines, within a bound of time and of memory; it writes nothing outside the results folder and
starts no process but git. `reports` asks the same of the report's output, and `processes` of the
command as its user runs it.
"""
