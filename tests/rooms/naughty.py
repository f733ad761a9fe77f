"""Strings that break programs, terminals and spreadsheets; none of them may break a line."""

STRINGS: list[str] = [
    # Nothing, and what is taken for it
    *(
        "",
        " ",
        "\t",
        "null",
        "None",
        "nil",
        "undefined",
        "NaN",
        "Infinity",
        "-0",
        "true",
        "[]",
        "{}",
    ),
    # Every C0 control, DEL and every C1 control
    *(f"a{chr(code)}b" for code in (*range(0x20), *range(0x7F, 0xA0))),
    # What a terminal obeys
    *("\x1b[31mred", "\x1b[2J\x1b[H", "\x1b]0;title\x07", "\x1b]8;;http://x/\x07link\x1b]8;;\x07"),
    *("\x1b]52;c;cm0gLXJm\x07", "\x1bc", "\x1b[6n", "\x1bP+q\x1b\\", "\x9b31m", "\x9d0;x\x9c"),
    *(
        "x\rovertyped",
        "x\b\b\by",
        "bell\x07",
        "\x0e shifted \x0f",
        "\x1b[?1049h",
        "\x1b[9999999999b",
    ),
    # What splits a line
    *(
        "a\r\nb",
        "a\n\rb",
        "a\x1cb\x1db\x1eb",
        "a\u2028b\u2029c",
    ),
    *('{"type":"page"}\n{"type":"page"}', '\n{"forged":true}\n', "\n" * 100, "data: x\n\n"),
    # Bidirectional text and its controls
    *(
        "\u202eexe.gpj",
        "\u2067\u2066x\u2069\u2069",
        "\u200fmark\u200e",
        "\u061c",
        "שלום",
        "مرحبا abc",
    ),
    *("\u202a\u202b\u202c\u202d\u202e", "if \u202e\u2066 admin \u2069\u2066"),
    # Characters without a width, or with too much of it
    *(
        "zero\u200bwidth",
        "a\u200c\u200db",
        "\u2060",
        "\ufeffmark",
        "so\u00adft",
        "e" + "\u0301" * 60,
    ),
    *("ﷺ" * 20, "\u180e", "\u3164", "\U000e0041\U000e007f", "👩‍👩‍👧‍👦", "🏳️‍🌈", "Z̷̢͓a̵l̸g̶o̴"),
    # Surrogates alone, in pairs and the wrong way round; what is no character
    *("\ud800", "\udfff", "a\udc80b", "\ude00\ud83d", "\ud83d\ude00", "\ud800" * 50, "x\ud83d"),
    *("\ufffe", "\uffff", "\ufffd", "\U0010ffff", "\U0001fffe", "\ufdd0"),
    # Quotes, backslashes, and what other languages run
    *('"', "'", "`", '\\"', "\\", "\\\\", "\\u0000", "\\n", "'; DROP TABLE pages;--", "</script>"),
    *(
        "<script>alert(1)</script>",
        "<!--",
        "]]>",
        "&lt;",
        "{{7*7}}",
        "${7*7}",
        "%s%n%x",
        "%(x)s",
        "{0}",
    ),
    *(
        "$(reboot)",
        "`reboot`",
        "| reboot",
        "; reboot",
        "../../etc/passwd",
        "C:\\con",
        "%00",
        "\\x1b[31m",
    ),
    # What a spreadsheet runs
    *(
        "=1+1",
        "+1",
        "-1",
        "@SUM(A1)",
        "=HYPERLINK(A1)",
        "\t=1",
        "\r=1",
        "=cmd|'/c calc'!A0",
        ",;\t|",
    ),
    # Much
    *("x" * 100_000, "é" * 50_000, "\x1b" * 10_000, '"' * 10_000, "\u2028" * 10_000, "[" * 10_000),
    # Numbers that are none here
    *("1e400", "9" * 400, "0x1F", "1_000", "١٢٣", "½", "Ⅷ", "1,5"),
    # Words in other scripts, and cases that change length
    *(
        "ÄÖÜß",
        "İstanbul",
        "ﬃ",
        "ǅ",
        "日本語",
        "한국어",
        "ไทย",
        "ქართული",
        "𝔘𝔫𝔦",
        "Ω≈ç√",
        "田中さん",
    ),
]
