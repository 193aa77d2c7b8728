"""The exponential of a difference of fp32 numbers, as `reference.py` defines and explains it.

Each operation is rounded on its own: every kernel that calls these functions is compiled with
``enable_fp_fusion=False``.
"""

import triton
import triton.language as tl

from gemma4_routing import reference

_LOG2_E = tl.constexpr(reference.LOG2_E)
_LN2_HIGH = tl.constexpr(reference.LN2_HIGH)
_LN2_LOW = tl.constexpr(reference.LN2_LOW)
_ROUND = tl.constexpr(reference.ROUND)
_FARTHEST = tl.constexpr(reference.FARTHEST)
_P7, _P6, _P5, _P4, _P3, _P2, _P1, _P0 = map(tl.constexpr, reference.EXP_POLYNOMIAL)
_BIAS = tl.constexpr(127)  # of an fp32 exponent, whose place is 23


@triton.jit
def _difference(value, largest):
    """Returns ``value - largest``, rounded, and the exact error of that rounding."""
    far = value - largest
    back = far - value
    return far, (value - (far - back)) - (largest + back)


@triton.jit
def _power_and_exp(far, error):
    """Returns ``n + ROUND`` and ``exp(r)``, with ``far + error = n * ln2 + r``."""
    shifted = far * _LOG2_E + _ROUND
    n = shifted - _ROUND
    r = ((far - n * _LN2_HIGH) - n * _LN2_LOW) + error
    p = _P7 * r + _P6
    p = p * r + _P5
    p = p * r + _P4
    p = p * r + _P3
    p = p * r + _P2
    p = p * r + _P1
    return shifted, p * r + _P0


@triton.jit
def exp_difference(value, largest):
    """Returns ``exp(value - largest)``; the largest is finite, and no value is above it."""
    far, error = _difference(value, largest)
    is_near = far >= _FARTHEST
    far = tl.where(is_near, far, _FARTHEST)
    error = tl.where(is_near, error, 0.0)
    shifted, p = _power_and_exp(far, error)
    # 2**n in two steps, so that only the last product can round to a denormal.
    exponent = (shifted - _ROUND).to(tl.int32)
    half = exponent >> 1
    low = ((half + _BIAS) << 23).to(tl.float32, bitcast=True)
    high = ((exponent - half + _BIAS) << 23).to(tl.float32, bitcast=True)
    return p * low * high


@triton.jit
def exp_near(value, largest):
    """Returns the bits of `exp_difference` with less work, if these are a normal number."""
    far, error = _difference(value, largest)
    shifted, p = _power_and_exp(far, error)
    # The bits of n + ROUND end in the bits of n, which a shift by 23 brings to the exponent.
    power = (shifted.to(tl.int32, bitcast=True) << 23) + (_BIAS << 23)
    return p * power.to(tl.float32, bitcast=True)
