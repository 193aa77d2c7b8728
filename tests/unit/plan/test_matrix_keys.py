"""A matrix file with a key that is misspelt, repeated, missing, unknown or no text."""

from pathlib import Path

import pytest

from tests.unit.plan.test_matrix import SMALL, faults

DTYPES = "'fp64', 'fp32', 'fp16', 'bf16', 'fp8e4m3' or 'fp8e5m2'"
NAME = "text that matches '^[a-z][a-z0-9_]{0,63}$'"
ROW_KEYS = "one of backend, device, arch, memory_gb, toolchain, runner"
KEYS = "one of dtypes, rows, kernels, architectures, skips"

# What stands in SMALL, what somebody writes instead, and all that is told of it.
KEY_FAULTS = {
    "key misspelt": (
        "backend: interpreter",
        "bakend: interpreter",
        "4:3: rows.cpu.backend: found nothing, expected a value for 'backend'\n"
        f"5:5: rows.cpu.bakend: found unknown key 'bakend', expected {ROW_KEYS}; "
        "did you mean 'backend'?",
    ),
    "unknown key": (
        "arch: sm_90",
        "arch: sm_90\n    colour: green",
        f"15:5: rows.h200.colour: found unknown key 'colour', expected {ROW_KEYS}",
    ),
    "unknown key of the file": (
        "skips: []",
        "skips: []\nskip: []",
        f"32:1: skip: found unknown key 'skip', expected {KEYS}; did you mean 'skips'?",
    ),
    "unknown key of a promise": (
        "max_ulp: 6.5",
        "max_ulp: 6.5, ulps: 1",
        "22:28: kernels.toy.dtypes.bf16.ulps: found unknown key 'ulps', expected one of max_ulp",
    ),
    "unknown key of a shape": (
        "min_memory_gb",
        "min_memory",
        "29:9: kernels.toy.shapes[1].min_memory: found unknown key 'min_memory', expected one of "
        "axes, dtypes, min_memory_gb; did you mean 'min_memory_gb'?",
    ),
    "unknown key of a kernel": (
        "seconds_per_case: 10",
        "seconds_per_case: 10\n    second: 1",
        "24:5: kernels.toy.second: found unknown key 'second', expected one of dtypes, "
        "seconds_per_case, golden, shapes, codegen, perf, bench, mutants, sanitize",
    ),
    "unknown key of a skip": (
        "skips: []",
        "skips: [{cases: '*', check: parity, reason: x, until: 2099-01-01, cause: y}]",
        "31:67: skips[0].cause: found unknown key 'cause', expected one of cases, check, reason, "
        "until; did you mean 'cases'?",
    ),
    "unknown key in a pydantic word": (
        "backend: interpreter",
        "'[key]': 1\n    backend: interpreter",
        f"5:5: rows.cpu['[key]']: found unknown key '[key]', expected {ROW_KEYS}",
    ),
    "key of two lines": (
        "skips: []",
        'skips: []\n"a\\nb": 1',
        f"32:1: ['a\\nb']: found unknown key 'a\\nb', expected {KEYS}",
    ),
    "repeated key": (
        "memory_gb: 16\n",
        "memory_gb: 16\n    memory_gb: 32\n",
        "9:5: rows.cpu.memory_gb: found the key again, expected each key once; "
        "keep one, the first is on line 8",
    ),
    "repeated row": (
        "  h200:",
        "  cpu:",
        "11:3: rows.cpu: found the key again, expected each key once; "
        "keep one, the first is on line 4",
    ),
    "row without runner": (
        "    runner: [ubuntu-24.04]\n",
        "",
        "4:3: rows.cpu.runner: found nothing, expected a value for 'runner'",
    ),
    "row in capitals": ("  cpu:", "  CPU:", f"4:3: rows.CPU: found key 'CPU', expected {NAME}"),
    "row named as pydantic marks keys": (
        "  cpu:\n    backend: interpreter",
        "  '[key]':\n    backend: interpret",
        f"4:3: rows['[key]']: found key '[key]', expected {NAME}\n"
        "5:14: rows['[key]'].backend: found text 'interpret', expected 'interpreter', 'cuda', "
        "'hip' or 'xpu'; did you mean 'interpreter'?",
    ),
    "axis of two letters": (
        "{E: 8, K: 2, T: 4096}",
        "{E: 8, KK: 2, T: 4096}",
        "27:22: kernels.toy.shapes[1].axes.KK: found key 'KK', "
        "expected text that matches '^[A-Z]$'",
    ),
    "key that is no text": (
        "arch: x86_64",
        "arch: x86_64\n    no: 1",
        "8:5: rows.cpu: found key 'no', expected a key that is text",
    ),
    "dtype promised, unknown": (
        "bf16: {max_ulp: 6.5}",
        "bf16: {max_ulp: 6.5}\n      fp15: {max_ulp: 6}",
        f"23:7: kernels.toy.dtypes.fp15: found key 'fp15', expected {DTYPES}; did you mean 'fp16'?",
    ),
}


@pytest.mark.parametrize(("old", "new", "told"), KEY_FAULTS.values(), ids=KEY_FAULTS)
def test_key(tmp_path: Path, old: str, new: str, told: str) -> None:
    """What is told of each, and nothing else."""
    assert faults(tmp_path, SMALL.replace(old, new, 1)) == told
