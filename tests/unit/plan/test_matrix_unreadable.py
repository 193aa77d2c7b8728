"""A matrix file of which nothing can be read: its bytes, its YAML, its size, its nesting."""

from pathlib import Path

import pytest

from kernelproof.errors import Exit, MatrixError
from kernelproof.plan import matrix

LAUGHS = "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n"
ANCHOR = "the file: found an anchor or alias, expected values in full"
ESCAPE = "the file: found an escape of no character, expected text"
EMPTY = "1:1: the file: found an empty file, expected rows, dtypes and kernels"
NESTED = "the file: found deeper nesting, expected at most 16 levels"

# What nothing can be read of: the file's bytes, and all that is told of it.
UNREADABLE: dict[str, tuple[str | bytes, str]] = {
    "empty": ("", EMPTY),
    "blank": (" \n\n", EMPTY),
    "only a comment": ("# rows:\n", EMPTY),
    "open bracket": (
        "rows: [\n",
        "2:1: the file: found text that is no YAML (while parsing a flow node expected the node "
        "content, but found '<stream end>'), expected YAML",
    ),
    "two colons": (
        "rows: a: b\n",
        "1:8: the file: found text that is no YAML (mapping values are not allowed here), "
        "expected YAML",
    ),
    "tab": (
        "rows:\n\tcpu: 1\n",
        "2:1: the file: found text that is no YAML (while scanning for the next token found "
        "character '\\t' that cannot start any token), expected YAML",
    ),
    "several documents": (
        "a: 1\n---\nb: 2\n",
        "2:1: the file: found text that is no YAML (expected a single document in the stream but "
        "found another document), expected YAML",
    ),
    "another version": (
        "%YAML 2.0\n---\na: 1\n",
        "1:1: the file: found text that is no YAML (found incompatible YAML document (version 1.* "
        "is required)), expected YAML",
    ),
    "undefined tag handle": (
        "a: !x!y 1\n",
        "1:4: the file: found text that is no YAML (while parsing a node found undefined tag "
        "handle '!x!'), expected YAML",
    ),
    "unknown escape": (
        'a: "\\q"\n',
        "1:6: the file: found text that is no YAML (while scanning a double-quoted scalar found "
        "unknown escape character 'q'), expected YAML",
    ),
    "NUL": ("a: 1\nb: \0\n", "2:4: the file: found character '\\x00', expected plain text"),
    "control": ("a: \a\n", "1:4: the file: found character '\\x07', expected plain text"),
    "latin-1": (
        b"a: 1\nb: caf\xe9\n",
        "2:7: the file: found byte 0xe9, which is no UTF-8, expected UTF-8 text",
    ),
    "UTF-16": (
        "a: 1\n".encode("utf-16"),
        "1:1: the file: found byte 0xff, which is no UTF-8, expected UTF-8 text",
    ),
    "escape beyond Unicode": ('a: 1\nb: "\\UFFFFFFFF"\n', f"2:7: {ESCAPE}"),
    "half a character": ('a: 1\nb: "\\ud800"\n', f"2:4: {ESCAPE}"),
    "half a character as a key": ('"\\udfff": 1\n', f"1:1: {ESCAPE}"),
    "anchors that explode": (
        LAUGHS,
        "\n".join(f"{at}: {ANCHOR}" for at in ("1:4", "2:4", "2:8", "2:12", "3:5", "3:9")),
    ),
    "a list in itself": ("&a [*a]\n", f"1:1: {ANCHOR}\n1:5: {ANCHOR}"),
    "an alias of nothing": ("a: *x\n", f"1:4: {ANCHOR}"),
    "deep brackets": ("[" * 3000, f"1:17: {NESTED}"),
    "deep dashes": ("- " * 3000, f"1:33: {NESTED}"),
    "deep mappings": ("".join(f"{' ' * i}a:\n" for i in range(400)), f"17:17: {NESTED}"),
}


def _told_of(file: Path) -> str:
    with pytest.raises(MatrixError) as caught:
        matrix.load(file)
    assert caught.value.exit == Exit.MATRIX
    return str(caught.value)


@pytest.mark.parametrize(("content", "told"), UNREADABLE.values(), ids=UNREADABLE)
def test_content(tmp_path: Path, content: str | bytes, told: str) -> None:
    """Each gets its one clear message, with its place."""
    file = tmp_path / "matrix.yaml"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert _told_of(file) == "\n".join(f"matrix.yaml:{line}" for line in told.splitlines())


def test_missing_file(tmp_path: Path) -> None:
    """A file that is not there is a fault, not a traceback."""
    told = "found no such file or directory, expected a readable file"
    assert _told_of(tmp_path / "matrix.yaml") == f"matrix.yaml:1:1: the file: {told}"


def test_folder_in_place_of_the_file(tmp_path: Path) -> None:
    """A folder of the file's name is one too."""
    told = "found is a directory, expected a readable file"
    assert _told_of(tmp_path) == f"{tmp_path.name}:1:1: the file: {told}"


def test_explosion_of_anchors_is_not_expanded(tmp_path: Path) -> None:
    """Expanded, the last of these lists would hold nine to the power of 39 values."""
    lines = [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 40)]
    file = tmp_path / "matrix.yaml"
    file.write_text("\n".join(["a0: &a0 [x]", *lines]))
    assert _told_of(file).endswith(f"\nmatrix.yaml: and {1 + 39 * 10 - 25} more")
