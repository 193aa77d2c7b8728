"""The numbers of processes and of rounds that time a row, and the seconds of each process."""

from dataclasses import dataclass

SECONDS_A_PROCESS = 300
# Of one case in one run; a judgement resamples all of them.
MOST_PROCESSES = 200
# Samples of each case in one process.
ROUNDS = 7


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How many processes a run takes at first, and more at a time, while a case is undecided.

    8 tell 3 % from nothing where processes differ by 0.25 % or less, in 95 of 100 runs of 21 cases;
    10 took 91 s for 21 cases on an H200, compilation included.
    """

    first: int = 8
    more: int = 4
    most: int = 20


PACE = Pace()
