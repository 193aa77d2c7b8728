"""The doctor: checks that this machine is fit to be a row, and says what to fix.

Readers (`host_facts`, `toolchain_facts` and one for each vendor's GPUs) ask drivers and files, and
return `facts`; `findings` and `gpu_findings` judge those facts and read nothing themselves. A fact
that nothing reports is None, and its finding is ``unknown``, never ``ok``.
"""
