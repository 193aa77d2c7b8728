"""Other code for the functions of a module that is loaded, as if it had been imported with it."""

import functools
import inspect
from types import CodeType, FunctionType, ModuleType
from typing import Any


def exchange(module: ModuleType, before: str, after: str) -> bool:
    """Puts in place what is other in `after`; False, and nothing done, unless only functions are.

    `before` is the text that the module was made of.
    """
    codes = [compile(text, str(module.__file__), "exec") for text in (before, after)]
    pairs = _others(*codes)
    if pairs is None:
        return False
    functions = [_function(module, old.co_qualname) for old, _ in pairs]
    for function, (old, _) in zip(functions, pairs, strict=True):
        if function is None or _shell(function.__code__) != _shell(old):
            return False
    for function, (_, new) in zip(functions, pairs, strict=True):
        assert function  # noqa: S101  (asked above)
        function.__code__ = new
    return True


def _others(old: CodeType, new: CodeType) -> list[tuple[CodeType, CodeType]] | None:
    """The functions whose code is another; None where a module's or a class's own is."""
    if _shell(old) != _shell(new):
        return None
    found: list[tuple[CodeType, CodeType]] = []
    for one, other in zip(_inner(old), _inner(new), strict=True):
        if one.co_flags & inspect.CO_OPTIMIZED:  # a function's, which has fast locals
            found += [] if _whole(one) == _whole(other) else [(one, other)]
        elif (within := _others(one, other)) is None:
            return None
        else:
            found += within
    return found


def _inner(code: CodeType) -> list[CodeType]:
    return [one for one in code.co_consts if isinstance(one, CodeType)]


def _shell(code: CodeType) -> tuple[object, ...]:
    """What a code is but for its lines and the codes within it; 1 is not True there."""
    values = [one.co_qualname if isinstance(one, CodeType) else repr(one) for one in code.co_consts]
    names = (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)
    return (code.co_qualname, code.co_code, names, tuple(values))


def _whole(code: CodeType) -> tuple[object, ...]:
    return (*_shell(code), *map(_whole, _inner(code)))


def _function(module: ModuleType, name: str) -> FunctionType | None:
    """The function of a qualified name, below what it is decorated with."""
    found: Any = module
    for part in name.split("."):
        found = inspect.getattr_static(found, part, None)
    if isinstance(found, property):
        found = found.fget
    elif isinstance(found, staticmethod | classmethod):
        found = found.__func__
    elif isinstance(found, functools.cached_property):
        found = found.func
    found = inspect.unwrap(found) if callable(found) else found
    return found if isinstance(found, FunctionType) else None
