"""The run of a check: one supervisor, a worker process for each GPU, and a record for each case.

The way of one run through the files, in this order::

    run_plan (the command line, and the cases that it plans)
    -> supervisor (one for each GPU's share)
    -> worker_process (one worker after the other, each a child_process)
    -> case_run (a worker's cases, through pytest)
    -> case_plugin (collects them, writes the records)

A worker is told which cases to run, and sends a message before each of them (`worker_messages`).
If it dies or hangs, the case that it was at gets a record of that, a process looks whether the
device still computes (`device_pulse`), and another worker runs the cases without a record.
"""
