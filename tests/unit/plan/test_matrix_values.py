"""A matrix file with a value that is unknown, of the wrong type, or no number that it seems."""

from pathlib import Path

import pytest

from tests.unit.plan.test_matrix import SMALL, faults

DTYPES = "'fp64', 'fp32', 'fp16', 'bf16', 'fp8e4m3' or 'fp8e5m2'"
LABEL = "text that matches '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$'"

# What stands in SMALL, what somebody writes instead, and all that is told of it.
VALUE_FAULTS = {
    "backend unknown": (
        "backend: cuda",
        "backend: cudda",
        "12:14: rows.h200.backend: found text 'cudda', expected 'interpreter', 'cuda', 'hip' or "
        "'xpu'; did you mean 'cuda'?",
    ),
    "dtype unknown": (
        "[fp32, bf16]",
        "[fp32, bf16, fp17]",
        f"1:22: dtypes[2]: found text 'fp17', expected {DTYPES}; did you mean 'fp16'?",
    ),
    "runner empty": (
        "[ubuntu-24.04]",
        "[]",
        "10:5: rows.cpu.runner: found an empty list, expected at least 1 item",
    ),
    "runner null": (
        " [ubuntu-24.04]",
        "",
        "10:12: rows.cpu.runner: found nothing, expected a list",
    ),
    "runner without its list": (
        "[ubuntu-24.04]",
        "ubuntu-24.04",
        "10:13: rows.cpu.runner: found text 'ubuntu-24.04', expected a list; write [ubuntu-24.04]",
    ),
    "runner of two words": (
        "self-hosted,",
        "self hosted,",
        f"17:14: rows.h200.runner[0]: found text 'self hosted', expected {LABEL}",
    ),
    "device empty": (
        "device: cpu",
        'device: ""',
        "6:13: rows.cpu.device: found text '', expected at least 1 character",
    ),
    "device long": (
        "device: cpu",
        f"device: {'x' * 501}",
        f"6:13: rows.cpu.device: found text '{'x' * 57}...', expected at most 500 characters",
    ),
    "device no": (
        "device: cpu",
        "device: no",
        "6:13: rows.cpu.device: found 'no', which YAML 1.1 reads as bool, expected a plain value; "
        "write 'no' in quotes if it is text",
    ),
    "device a tag": (
        "device: cpu",
        "device: !!python/object/apply:os.system [exit]",
        "6:5: rows.cpu.device: found tag 'tag:yaml.org,2002:python/object/apply:os.system', "
        "expected plain values without tags",
    ),
    "row a number": (
        "  cpu:\n",
        "  one: 1\n  cpu:\n",
        "4:8: rows.one: found int '1', expected a mapping",
    ),
    "skip a list": (
        "skips: []",
        "skips: [[]]",
        "31:9: skips[0]: found an empty list, expected a mapping",
    ),
    "skips null": ("skips: []", "skips:", "31:7: skips: found nothing, expected a list"),
    "skips a mapping": (
        "skips: []",
        "skips: {}",
        "31:1: skips: found an empty mapping, expected a list",
    ),
    "axes a list": (
        "{E: 8, K: 2, T: 4096}",
        "[8, 2, 4096]",
        "27:9: kernels.toy.shapes[1].axes: found a list, expected a mapping",
    ),
    "axes empty": (
        "{E: 8, K: 2, T: 4096}",
        "{}",
        "27:9: kernels.toy.shapes[1].axes: found an empty mapping, expected at least 1 item",
    ),
}

# What somebody writes for a row's memory, and what is told of it.
INTEGERS = {
    "true": "found bool 'true', expected an integer",
    "16.0": "found float '16.0', expected an integer",
    '"16"': "found text '16', expected an integer; write it without quotes",
    "1e2": "found text '1e2', expected an integer; write 100: YAML reads '1e2' as text",
    "1.5e2": "found text '1.5e2', expected an integer; write 150: YAML reads '1.5e2' as text",
    "1e-3": "found text '1e-3', expected an integer",
    "1e999": "found text '1e999', expected an integer",
    "many": "found text 'many', expected an integer",
    "2026-01-01": "found date '2026-01-01', expected an integer",
    "~": "found nothing, expected an integer",
    "0": "found int '0', expected at least 1",
    "-16": "found int '-16', expected at least 1",
    "100001": "found int '100001', expected at most 100000",
}
# What somebody writes for a promise's bound, and what is told of it.
NUMBERS = {
    "true": "found bool 'true', expected a number",
    '"6"': "found text '6', expected a number; write it without quotes",
    "1e-3": "found text '1e-3', expected a number; write 1.0e-3: YAML reads '1e-3' as text",
    "1e5": "found text '1e5', expected a number; write 1.0e+5: YAML reads '1e5' as text",
    "2.5E3": "found text '2.5E3', expected a number; write 2.5e+3: YAML reads '2.5E3' as text",
    "1e999": "found text '1e999', expected a number",
    "1.0e+999": "found float '1.0e+999', expected a finite number",
    "0": "found int '0', expected greater than 0",
    "-0.5": "found float '-0.5', expected greater than 0",
}
# What somebody writes for the tokens of a shape, and what is told of it.
SIZES = {
    "T: -1": "27:31: kernels.toy.shapes[1].axes.T: found int '-1', expected at least 0",
    "T: true": "27:31: kernels.toy.shapes[1].axes.T: found bool 'true', expected an integer",
    "T: 1e3": "27:31: kernels.toy.shapes[1].axes.T: found text '1e3', expected an integer; "
    "write 1000: YAML reads '1e3' as text",
    "T:": "27:30: kernels.toy.shapes[1].axes.T: found nothing, expected an integer",
    "T: []": "27:28: kernels.toy.shapes[1].axes.T: found an empty list, expected at least 1 item",
    "T: [7, no]": "27:35: kernels.toy.shapes[1].axes.T[1]: found 'no', which YAML 1.1 reads as "
    "bool, expected a plain value; write 'no' in quotes if it is text",
    "T: [7, -7]": "27:35: kernels.toy.shapes[1].axes.T[1]: found int '-7', expected at least 0",
    "T: [7, 2000000000000]": "27:35: kernels.toy.shapes[1].axes.T[1]: found int '2000000000000', "
    "expected at most 1099511627776",
}


@pytest.mark.parametrize(("old", "new", "told"), VALUE_FAULTS.values(), ids=VALUE_FAULTS)
def test_value(tmp_path: Path, old: str, new: str, told: str) -> None:
    """What is told of each, and nothing else."""
    assert faults(tmp_path, SMALL.replace(old, new, 1)) == told


@pytest.mark.parametrize(("text", "told"), INTEGERS.items(), ids=INTEGERS)
def test_integer(tmp_path: Path, text: str, told: str) -> None:
    """Nothing but an integer within its limits is one, and a bool is none."""
    text = SMALL.replace("memory_gb: 16\n", f"memory_gb: {text}\n")
    assert faults(tmp_path, text) == f"8:16: rows.cpu.memory_gb: {told}"


@pytest.mark.parametrize(("text", "told"), NUMBERS.items(), ids=NUMBERS)
def test_number(tmp_path: Path, text: str, told: str) -> None:
    """A limit is a finite number above zero, never text that looks like one."""
    text = SMALL.replace("max_ulp: 6}", f"max_ulp: {text}}}")
    assert faults(tmp_path, text) == f"21:23: kernels.toy.dtypes.fp32.max_ulp: {told}"


@pytest.mark.parametrize(("text", "told"), SIZES.items(), ids=SIZES)
def test_size(tmp_path: Path, text: str, told: str) -> None:
    """A size stands alone or in a list, and is told of where it stands."""
    assert faults(tmp_path, SMALL.replace("T: 4096", text)) == told
