"""Odd texts that users may choose and that software may split, trim or misread."""

ODD = {
    "GitHub's own example": "It's a Secret to Everybody",
    "spaces in a row": "two  spaces",
    "a tab": "one\ttab",
    "a line end inside": "two\nlines",
    "a Windows line end inside": "two\r\nlines",
    "commas": "a,b, c",
    "quotes": "'single' \"double\" `back`",
    "in quotes": '"quoted"',
    "a dollar sign": "$HOME ${HOME} $(id) $$",
    "percent signs": "100%20% %d %(name)s",
    "a hash": "# no comment",
    "equals": "NAME=value=",
    "backslashes": "a\\b\\n\\",
    "an address": "https://user:p@ss@host/?a=b&c#d",
    "letters beyond ASCII": "pässwörd ключ 鍵",
    "an emoji": "🧳👩‍💻",
    "composed": "\u00e9",
    "decomposed": "e\u0301",
    "right to left": "\u05e1\u05d5\u05d3 \u202e sod",
    "an invisible space": "a\u00a0b\u200b",
    "a byte order mark inside": "a\ufeffb",
    "spaces around": "  around  ",
    "a carriage return at the end": "cr\r",
    "ten thousand characters": "0123456789" * 1000,
    "a list": '["a", "b"]',
    "braces": "{a} {0} {{",
    "a number": "0042",
    "a number with a point": "1.10",
    "true": "true",
    "off": "off",
    "null": "null",
    "a path": "/etc/passwd",
    "a path upwards": "../../x",
    "an option": "--help",
    "as if sealed": "sealed:00000000:AAAA",
    "two short words": "new old",
    "a control character": "a\x01b\x7f",
}
# Impossible in an environment variable, but possible in a file.
ODD_IN_FILES = ODD | {"a NUL": "a\0b"}
# Webhook secrets, tested in one process each.
EIGHT = [
    ODD[what]
    for what in (
        "GitHub's own example",
        "quotes",
        "a list",
        "letters beyond ASCII",
        "decomposed",
        "a dollar sign",
        "spaces around",
        "ten thousand characters",
    )
]
