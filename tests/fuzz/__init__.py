"""Broken and hostile files for everything that reads one: ``nox -s fuzz``.

The walk of one input, a file each, in this order::

    readers (what reads which file, and whole files of it) -> mutation (bytes changed),
    structures (values changed, by hypothesis) or fills (one place as large as may be)
    -> guard (writes, processes, time, memory) -> ask (one file put in place, one reading,
    its outcome) -> campaign (many of them) -> __main__ (a process a reader), record (results/)

Whatever a file holds, its reader takes it, or refuses it with a documented exit code in plain
lines, within a bound of time and of memory; it writes nothing outside the results folder and
starts no process but git. `reports` asks the same of what the report writes, and `processes` of the
command as its user runs it.
"""
