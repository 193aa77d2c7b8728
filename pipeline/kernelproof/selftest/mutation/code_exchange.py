"""The exchange of code in loaded functions, as if their module had been imported with it."""

import gc
import inspect
from collections.abc import Mapping, Sequence
from types import CodeType, FunctionType

Functions = Mapping[tuple[str, str], Sequence[FunctionType]]


def loaded_functions() -> Functions:
    """Returns every loaded function, by its module and qualified name."""
    functions: dict[tuple[str, str], list[FunctionType]] = {}
    for value in gc.get_objects():
        if type(value) is FunctionType:
            name = (value.__module__, value.__code__.co_qualname)
            functions.setdefault(name, []).append(value)
    return functions


def exchange(module: str, before: str, after: str, functions: Functions) -> bool:
    """Gives the functions of a module their code in `after`, if only functions differ.

    `before` is the text that the module was loaded from. Returns False, and changes nothing, if
    other code differs or a function is not loaded.
    """
    old, new = (compile(text, module, "exec") for text in (before, after))
    pairs = _changed(old, new)
    if pairs is None:
        return False
    # Find the loaded functions that have the code of before.
    targets = [
        [
            function
            for function in functions.get((module, old.co_qualname), ())
            if _shell(function.__code__) == _shell(old) and old.co_freevars == new.co_freevars
        ]
        for old, new in pairs
    ]
    if not all(targets):
        return False
    # Exchange the code of all, since it is known of all.
    for loaded, (_, code) in zip(targets, pairs, strict=True):
        for function in loaded:
            function.__code__ = code
    return True


def _changed(old: CodeType, new: CodeType) -> list[tuple[CodeType, CodeType]] | None:
    """Returns the functions whose code differs, or None if a module's or a class's own does."""
    if _shell(old) != _shell(new):
        return None
    pairs: list[tuple[CodeType, CodeType]] = []
    for before, after in zip(_inner(old), _inner(new), strict=True):
        if before.co_flags & inspect.CO_OPTIMIZED:  # a function's, which has fast locals
            pairs += [] if _contents(before) == _contents(after) else [(before, after)]
        elif (within := _changed(before, after)) is None:
            return None
        else:
            pairs += within
    return pairs


def _inner(code: CodeType) -> list[CodeType]:
    return [constant for constant in code.co_consts if isinstance(constant, CodeType)]


def _shell(code: CodeType) -> tuple[object, ...]:
    """Returns a code without its lines and the codes within it; 1 differs from True there."""
    values = (
        value.co_qualname if isinstance(value, CodeType) else repr(value)
        for value in code.co_consts
    )
    names = (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)
    return (code.co_qualname, code.co_code, names, tuple(values))


def _contents(code: CodeType) -> tuple[object, ...]:
    return (*_shell(code), *map(_contents, _inner(code)))
