"""Logs of compute-sanitizer: their reports, the kernel of each report, and their number."""

from kernelproof.selftest.sanitize.tool_log import ToolLog
from kernelproof.selftest.sanitize.tools import TOOLS
from tests.unit.selftest.compute_sanitizer import PLANTED

# As its versions 2025.1 to 2025.3 write them.
MEMCHECK = """\
========= COMPUTE-SANITIZER
========= Invalid __global__ write of size 4 bytes
=========     at _first_kernel+0x90 in kernel.py:17
=========     by thread (0,0,0) in block (3,0,0)
=========     Access at 0x7f3ea2a00200 is out of bounds
=========     and is 1 bytes after the nearest allocation at 0x7f3ea2a00000 of size 512 bytes
=========
========= Invalid __global__ read of size 16 bytes
=========     at _inner+0x2f0 in tile.py:41
=========     by thread (31,0,0) in block (0,0,0)
=========     Access to 0x7f3ea2a00204 is misaligned
=========         Device Frame: _middle+0x30 in tile.py:90
=========         Device Frame: _second_kernel(float *, int)+0x40 in tile.py:120
=========
========= ERROR SUMMARY: 2 errors
"""
RACECHECK = """\
========= COMPUTE-SANITIZER
========= Error: Race reported between Write access at sumKernel(int *, int *)+0x90 in a.cu:41
=========     and Read access at sumKernel(int *, int *)+0x100 in a.cu:51 [508 hazards]
=========
========= Warning: Race reported between Read access at _k+0xe0
=========     and Write access at _k+0x140 [5 hazards]
=========
========= RACECHECK SUMMARY: 2 hazards displayed (1 error, 1 warning)
"""
CUT = """\
========= COMPUTE-SANITIZER
========= Uninitialized __global__ memory read of size 4 bytes
=========     at vectorAdd(float const *, float *)+0x70 in a.cu:41
=========     by thr"""
PRINTED = """\
========= COMPUTE-SANITIZER
========= Host API uninitialized memory access
=========     on read of 0x7f3ea2a00000 by cuMemcpyDtoHAsync_v2
=========
========= Error: process didn't terminate successfully
========= Target application returned an error
========= ERROR SUMMARY: 1,257 errors
========= ERROR SUMMARY: 257 errors were not printed. Use --print-limit option to adjust it
"""


# Total, and kernel and number of lines of each report, by log.
LOGS = {
    MEMCHECK: (2, [("_first_kernel", 5), ("_second_kernel", 6)]),
    RACECHECK: (2, [("sumKernel", 2), ("_k", 2)]),
    CUT: (None, [("vectorAdd", 3)]),
    PRINTED: (1257, [("", 2), ("", 1), ("", 1)]),
    "": (None, []),
    "========= COMPUTE-SANITIZER\n========= ERROR SUMMARY: 0 errors\n": (0, []),
    "========= RACECHECK SUMMARY: 0 hazards displayed (0 errors, 0 warnings)\n": (0, []),
}


def test_a_log_has_its_reports_and_their_number() -> None:
    """A report is of the kernel whose code it is, however deep within it, or of none.

    A warning is a report, too. The total counts reports that were not printed; a log that is cut
    has none.
    """
    for text, expected in LOGS.items():
        log = ToolLog.parse(text)
        reports = [(report.kernel, len(report.lines)) for report in log.reports]
        assert (log.total, reports) == expected
    first, second, *_ = ToolLog.parse(MEMCHECK).reports[0].lines
    assert first == "Invalid __global__ write of size 4 bytes"
    assert second == "at _first_kernel+0x90 in kernel.py:17"


def test_a_planted_error_is_known() -> None:
    """A report mentions the name of its kernel, and no name that is a part of it."""
    for tool in TOOLS:
        (report,) = ToolLog.parse(PLANTED[tool.name]).reports
        assert report.mentions(tool.planted_kernel)
        assert report.kernel == tool.planted_kernel
        assert not report.mentions(tool.planted_kernel[:-1])
        assert not report.mentions(tool.planted_kernel[1:])
