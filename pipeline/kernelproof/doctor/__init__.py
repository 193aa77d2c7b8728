"""The doctor: whether this machine is fit to be a row, and what is to be mended.

Readers (`host`, `nvidia`, `amd`, `intel`) ask drivers and files and leave `facts`; `judge` and
`judge_gpu` make findings of them, purely. What nobody tells is ``unknown``, and is never ``ok``.
"""
