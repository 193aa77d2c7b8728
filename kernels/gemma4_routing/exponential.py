"""exp of a difference of fp32 numbers, each operation rounded alone, as `reference.py` defines it.

Every jitted function here and its callers are compiled with ``enable_fp_fusion=False``.
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
_BIAS = tl.constexpr(127)


@triton.jit
def _difference(value, largest):
    """``value - largest``, rounded, and the rounding's error, exact."""
    far = value - largest
    back = far - value
    return far, (value - (far - back)) - (largest + back)


@triton.jit
def _power_and_exp(far, error):
    """N + ROUND and exp(r) with ``far + error = n * ln2 + r``."""
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
    """``exp(value - largest)`` for values at most the finite largest, -inf included."""
    far, error = _difference(value, largest)
    is_near = far >= _FARTHEST
    far = tl.where(is_near, far, _FARTHEST)
    error = tl.where(is_near, error, 0.0)
    shifted, p = _power_and_exp(far, error)
    exponent = (shifted - _ROUND).to(tl.int32)
    half = exponent >> 1  # 2**n in two steps: only the last product can round to a denormal
    low = ((half + _BIAS) << 23).to(tl.float32, bitcast=True)
    high = ((exponent - half + _BIAS) << 23).to(tl.float32, bitcast=True)
    return p * low * high


@triton.jit
def exp_near(value, largest):
    """`exp_difference`, to the bit, of values so near that it is a normal number."""
    far, error = _difference(value, largest)
    shifted, p = _power_and_exp(far, error)
    # The bits of n + ROUND end in those of n: 23 places up they are n in an exponent's place.
    power = (shifted.to(tl.int32, bitcast=True) << 23) + (_BIAS << 23)
    return p * power.to(tl.float32, bitcast=True)
