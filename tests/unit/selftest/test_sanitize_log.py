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


def test_memcheck() -> None:
    """The log has two reports, each on the kernel whose code it is, however deep within it."""
    log = ToolLog.parse(MEMCHECK)
    assert log.total == 2
    assert [report.kernel for report in log.reports] == ["_first_kernel", "_second_kernel"]
    assert log.reports[0].lines[0] == "Invalid __global__ write of size 4 bytes"
    assert log.reports[0].lines[1] == "at _first_kernel+0x90 in kernel.py:17"
    assert len(log.reports[1].lines) == 6


def test_racecheck() -> None:
    """A warning is a report as an error is; both ends of a race are in it."""
    log = ToolLog.parse(RACECHECK)
    assert log.total == 2
    assert [report.kernel for report in log.reports] == ["sumKernel", "_k"]
    assert [len(report.lines) for report in log.reports] == [2, 2]


def test_a_log_that_is_cut() -> None:
    """The log has the reports that were written, and no summary."""
    log = ToolLog.parse(CUT)
    assert (log.total, [report.kernel for report in log.reports]) == (None, ["vectorAdd"])
    assert ToolLog.parse("") == ToolLog(reports=(), total=None)


def test_reports_on_no_kernel() -> None:
    """Every line at the margin is a report; the total counts those that were not printed."""
    log = ToolLog.parse(PRINTED)
    assert log.total == 1257
    assert [report.lines[0] for report in log.reports] == [
        "Host API uninitialized memory access",
        "Error: process didn't terminate successfully",
        "Target application returned an error",
    ]
    assert {report.kernel for report in log.reports} == {""}


def test_a_planted_error_is_known() -> None:
    """A report mentions the name of its kernel, and no name that is a part of it."""
    for tool in TOOLS:
        (report,) = ToolLog.parse(PLANTED[tool.name]).reports
        assert report.mentions(tool.planted_kernel)
        assert report.kernel == tool.planted_kernel
        assert not report.mentions(tool.planted_kernel[:-1])
        assert not report.mentions(tool.planted_kernel[1:])


def test_summary_of_none() -> None:
    """A log without reports has a total of 0."""
    text = "========= COMPUTE-SANITIZER\n========= ERROR SUMMARY: 0 errors\n"
    assert ToolLog.parse(text) == ToolLog(reports=(), total=0)
    text = "========= RACECHECK SUMMARY: 0 hazards displayed (0 errors, 0 warnings)\n"
    assert ToolLog.parse(text) == ToolLog(reports=(), total=0)
