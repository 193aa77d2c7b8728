"""Hostile content of files: words, numbers, bytes."""

# Texts that some reader takes for a path, a command, markup, an escape, a pattern or no character.
WORDS = (
    *("", " ", ".", "..", "../x", "../../etc/passwd", "/etc/passwd", "a/b", "a\\b", "C:\\x", "~/x"),
    *("nul", "x" * 64, "x" * 65, "x" * 300, "é" * 200, "x" * 70_000, "a\0b", "a.b-c", "-x"),
    *("--row", "$(touch escaped)", "`touch escaped`", "; touch escaped", "| sh", "${IFS}", "%s%n"),
    *("{0.real}", "</script><script>alert(1)</script>", "<!--", "]]>", "<![CDATA[", "&lt;", "&#0;"),
    *("'\"", "@@data@@", "a|b", "a\nb", "a\r\nb", "a\rb", "| --- |", "`", "```", "# x", "\\", "\t"),
    *("[x](javascript:x)", "\x1b[31m", "\x1b]0;x\x07", "\x9b2J", "\x08", "\x7f", "\x85", "\u2028"),
    *("\u202e", "\ufeff", "\ufffe", "\uffff", "\U0010ffff", "\ud800", "\udfff\ud800", "東京", "İ"),
    *("ß", "*" * 60, "*a" * 200 + "b", "[z-a]", "[", "[!]", "?" * 100, "(a+)+$", "\\d"),
    *("[[:alpha:]]", "Infinity", "-Infinity", "NaN", "null", "true", "no", "0x10", "1e3"),
    *("2026-01-01", "0000-00-00", "unknown", "0" * 64, "g" * 64, "0" * 40, "x-y-z"),
    *("gemma4_routing-h200-fp32-T", "-" * 40),
)
NUMBERS = (
    *(0, -1, 1, 2, 3, 10, 255, 2**31, 2**40, 2**40 + 1, 2**63, 2**64, -(2**63) - 1, 10**18),
    *(10**400, 0.5, -0.0, 5e-324, 2.2e-308, 1e-300, 1e300, 1.7976931348623157e308, 1e16, 0.1),
    *(float("inf"), float("-inf"), float("nan")),
)

_LAUGHS = b"a: &a [x,x]\n" + b"".join(
    b"%c: &%c [%s]\n" % (n, n, b",".join([b"*%c" % (n - 1)] * 9)) for n in range(98, 110)
)
# Bytes with a meaning for a reader of JSON, YAML or text.
TOKENS = (
    *(b"\0", b"\xff", b"\xfe\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xef\xbb\xbf"),
    *(b"\xf4\x90\x80\x80", b"\r", b"\n", b"\t", b"\x1b[2J", b"\x85", b"\xe2\x80\xa8", b"\x7f"),
    *(b"\x0c", b'"', b"'", b"\\", b"{", b"}", b"[", b"]", b",", b":", b"{}", b"[]", b'"":'),
    *(b"null", b"true", b"NaN", b"Infinity", b"-Infinity", b"-0", b"1e999", b"-1e999", b"0.1e-999"),
    *(b"01", b"1_0", b"9" * 20, b"9" * 400, b"9" * 5000, b"-" + b"9" * 5000),
    *(b"1" + b"0" * 350 + b".5", b'"\\ud800"', b'"\\u0000"', b'"\\udc00\\ud800"', b"\\u001b[31m"),
    *(b"\\n", b"</script>", b"]]>", b"&a ", b"*a", b"<<: *a\n", b"!!int ", b"!x "),
    *(b"!!python/object/apply:os.system ['touch escaped'] ", b"? ", b"- ", b"| \n", b"> \n"),
    *(b"%YAML 9.9\n", b"---\n", b"...\n", b"#", b"@", b"`", b"= ", b"1:30", b"no", b"~"),
    *(b"2026-13-01", b"0x10", b".nan", b".inf", _LAUGHS),
)
# Bytes that are repeated until a reader has too many: depth, length, keys, lines.
BOMBS = (
    *(b"[", b"{", b"[[", b'{"a":', b'[{"a":', b"- ", b"? ", b"a: ", b"{a: ", b"!", b"&a ", b"*a "),
    *(b"a", b" ", b"\n", b"\t", b"0", b"9", b'"', b"'", b"\\", b"\\u", b"#", b"-", b"\xc3\xa9"),
    *(b"\0", b"[],", b"{},", b"0,", b'"",', b'"a":0,', b'"a":', b"a: 1\n", b"- a\n", b"%x\n"),
    *(b"|\n", b"---\n", b"\xf0\x9f\x98\x80", b"\xe2\x80\xa8", b"<a>", b"&amp;", b"1e", b"[x, "),
    *(b"? a\n: b\n", b"\x1b["),
)
WHOLE_FILES = (
    *(b"", b" ", b"\n", b"null", b"[]", b"{}", b"0", b'""', b"\xff", b"\0" * 99, b"\xef\xbb\xbf"),
)
