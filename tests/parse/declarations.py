"""The HTML standard's prescan, step by step: which encoding the first bytes declare.

One line a case: bytes and encoding, or ``none``. ``→`` is a tab, ``¶`` a line feed, ``⇤`` a
carriage return, ``⌷`` NUL, ``·`` a space.
"""

SIGNS = {"→": "\t", "¶": "\n", "⇤": "\r", "⌷": "\0", "·": " ", "␌": "\f"}


def cases(table: str) -> list[tuple[bytes, str | None]]:
    """Return the cases of a table."""
    found: list[tuple[bytes, str | None]] = []
    for line in filter(None, table.splitlines()):
        if not line.startswith("-- "):
            head, name = line.split(" ⇒ ")
            for sign, meant in SIGNS.items():
                head = head.replace(sign, meant)
            found.append((head.encode(), None if name == "none" else name))
    return found


PRESCAN = cases("""
-- charset
<meta charset=koi8-r> ⇒ koi8-r
<meta charset="koi8-r"> ⇒ koi8-r
<meta charset='koi8-r'> ⇒ koi8-r
<META CHARSET=KOI8-R> ⇒ koi8-r
<MeTa ChArSeT="Koi8-R"> ⇒ koi8-r
<meta charset=koi8-r/> ⇒ none
<meta charset="koi8-r"/> ⇒ koi8-r
<meta charset=koi8-r /> ⇒ koi8-r
<meta/charset=koi8-r> ⇒ koi8-r
<meta///charset=koi8-r> ⇒ koi8-r
<meta→charset=koi8-r> ⇒ koi8-r
<meta¶charset=koi8-r> ⇒ koi8-r
<meta⇤charset=koi8-r> ⇒ koi8-r
<meta␌charset=koi8-r> ⇒ koi8-r
<meta  charset = koi8-r > ⇒ koi8-r
<meta→charset¶=⇤koi8-r␌> ⇒ koi8-r
<meta charset=" koi8-r "> ⇒ koi8-r
<meta charset="→koi8-r¶"> ⇒ koi8-r
<meta charset=koi8-r¶x=y> ⇒ koi8-r
<meta x=y charset=koi8-r> ⇒ koi8-r
<meta x charset=koi8-r> ⇒ koi8-r
<meta x='>' charset=koi8-r> ⇒ koi8-r
<meta x=">"charset=koi8-r> ⇒ koi8-r
<meta x=y/charset=koi8-r> ⇒ none
<meta x='y'charset=koi8-r> ⇒ koi8-r
<meta x=''charset=koi8-r> ⇒ koi8-r
<meta x=y"z charset=koi8-r> ⇒ koi8-r
<meta "x" charset=koi8-r> ⇒ koi8-r
<meta ' charset=koi8-r> ⇒ koi8-r
<meta = charset=koi8-r> ⇒ koi8-r
<meta ==x charset=koi8-r> ⇒ koi8-r
<meta x== charset=koi8-r> ⇒ koi8-r
<meta x= charset=koi8-r> ⇒ none
<meta x =y charset=koi8-r> ⇒ koi8-r
<meta <charset=koi8-r> ⇒ none
<meta charset=koi8-r<x> ⇒ none
<meta charset=koi8-r charset=big5> ⇒ koi8-r
<meta CHARSET=koi8-r charset=big5> ⇒ koi8-r
<meta charset=bogus charset=koi8-r> ⇒ none
<meta charset= charset=koi8-r> ⇒ none
<meta charset charset=koi8-r> ⇒ none
<meta charset="" charset=koi8-r> ⇒ none
<meta charset> ⇒ none
<meta charset=> ⇒ none
<meta charset=""> ⇒ none
<meta charset=bogus> ⇒ none
<meta charset=koi8-r;> ⇒ none
<meta charset="koi8-r; x"> ⇒ none
<meta charset="'koi8-r'"> ⇒ none
<meta charset=koi⌷8-r> ⇒ none
<meta⌷charset=koi8-r> ⇒ none
<meta xcharset=koi8-r> ⇒ none
<meta charsetx=koi8-r> ⇒ none
<meta name=charset content=koi8-r> ⇒ none
<metacharset=koi8-r> ⇒ none
<metal charset=koi8-r> ⇒ none
<meta> ⇒ none
< meta charset=koi8-r> ⇒ none
</meta charset=koi8-r> ⇒ none
<meta charset=bogus><meta charset=koi8-r> ⇒ koi8-r
<meta charset=koi8-r><meta charset=big5> ⇒ koi8-r
<meta x=y><meta charset=koi8-r> ⇒ koi8-r
<meta charset=koi8-r>\xff ⇒ koi8-r
text <meta charset=koi8-r> ⇒ koi8-r
-- what a meta element cannot mean
<meta charset=utf-16> ⇒ utf-8
<meta charset=utf-16le> ⇒ utf-8
<meta charset=utf-16be> ⇒ utf-8
<meta charset=unicode> ⇒ utf-8
<meta charset=ucs-2> ⇒ utf-8
<meta charset=csunicode> ⇒ utf-8
<meta charset=x-user-defined> ⇒ windows-1252
<meta charset=X-USER-DEFINED> ⇒ windows-1252
<meta charset=utf-7> ⇒ none
<meta charset=utf-32> ⇒ none
<meta charset=iso-2022-kr> ⇒ replacement
-- http-equiv and content, in any order
<meta http-equiv=content-type content="text/html; charset=koi8-r"> ⇒ koi8-r
<meta content="text/html; charset=koi8-r" http-equiv=content-type> ⇒ koi8-r
<meta http-equiv="Content-Type" content='text/html;charset=koi8-r'> ⇒ koi8-r
<META HTTP-EQUIV=CONTENT-TYPE CONTENT="TEXT/HTML; CHARSET=KOI8-R"> ⇒ koi8-r
<meta http-equiv=content-type content=charset=koi8-r> ⇒ koi8-r
<meta http-equiv=content-type content=text/html;charset=koi8-r> ⇒ koi8-r
<meta http-equiv=content-type content="charset = koi8-r"> ⇒ koi8-r
<meta http-equiv=content-type content="charset→=¶koi8-r"> ⇒ koi8-r
<meta http-equiv=content-type content="charset=koi8-r;x"> ⇒ koi8-r
<meta http-equiv=content-type content="charset=koi8-r x"> ⇒ koi8-r
<meta http-equiv=content-type content="charset='koi8-r'"> ⇒ koi8-r
<meta http-equiv=content-type content='charset="koi8-r"x'> ⇒ koi8-r
<meta http-equiv=content-type content="charset=' koi8-r '"> ⇒ koi8-r
<meta http-equiv=content-type content="charset='koi8-r"> ⇒ none
<meta http-equiv=content-type content='charset="koi8-r'> ⇒ none
<meta http-equiv=content-type content="charset=koi8-r'"> ⇒ none
<meta http-equiv=content-type content="charset=koi'8-r"> ⇒ none
<meta http-equiv=content-type content="charset='x charset=koi8-r"> ⇒ none
<meta http-equiv=content-type content="charset=;charset=koi8-r"> ⇒ none
<meta http-equiv=content-type content="charset=bogus;charset=koi8-r"> ⇒ none
<meta http-equiv=content-type content="charset charset=koi8-r"> ⇒ koi8-r
<meta http-equiv=content-type content="charset;charset=koi8-r"> ⇒ koi8-r
<meta http-equiv=content-type content="charsetcharset=koi8-r"> ⇒ koi8-r
<meta http-equiv=content-type content="charset:koi8-r"> ⇒ none
<meta http-equiv=content-type content="xcharset=koi8-r"> ⇒ koi8-r
<meta http-equiv=content-type content="charset="> ⇒ none
<meta http-equiv=content-type content="charset"> ⇒ none
<meta http-equiv=content-type content="koi8-r"> ⇒ none
<meta http-equiv=content-type content=""> ⇒ none
<meta http-equiv=content-type content> ⇒ none
<meta http-equiv=content-type> ⇒ none
<meta http-equiv=content-type content="charset=utf-16"> ⇒ utf-8
<meta http-equiv=content-type content="charset=x-user-defined"> ⇒ windows-1252
<meta content="text/html; charset=koi8-r"> ⇒ none
<meta http-equiv=refresh content="0; charset=koi8-r"> ⇒ none
<meta http-equiv=content content="charset=koi8-r"> ⇒ none
<meta http-equiv="content-type " content="charset=koi8-r"> ⇒ none
<meta http-equiv=x http-equiv=content-type content="charset=koi8-r"> ⇒ none
<meta http-equiv=content-type http-equiv=x content="charset=koi8-r"> ⇒ koi8-r
<meta http-equiv=content-type content=x content="charset=koi8-r"> ⇒ none
<meta http-equiv=content-type content="charset=koi8-r" content="charset=big5"> ⇒ koi8-r
<meta charset=koi8-r http-equiv=content-type content="charset=big5"> ⇒ koi8-r
<meta http-equiv=content-type content="charset=big5" charset=koi8-r> ⇒ koi8-r
<meta content="charset=big5" charset=koi8-r> ⇒ koi8-r
<meta http-equiv=content-type content="charset=bogus" charset=koi8-r> ⇒ koi8-r
<meta charset=bogus http-equiv=content-type content="charset=koi8-r"> ⇒ none
<meta charset http-equiv=content-type content="charset=koi8-r"> ⇒ none
-- comments
<!-- x --><meta charset=koi8-r> ⇒ koi8-r
<!----><meta charset=koi8-r> ⇒ koi8-r
<!--><meta charset=koi8-r> ⇒ koi8-r
<!---><meta charset=koi8-r> ⇒ koi8-r
<!-- <meta charset=big5> --><meta charset=koi8-r> ⇒ koi8-r
<!-- <meta charset=big5> --!><meta charset=koi8-r> ⇒ none
<!-- -- > <meta charset=big5> --><meta charset=koi8-r> ⇒ koi8-r
<!-- > --><meta charset=koi8-r> ⇒ koi8-r
<!-- <meta charset=koi8-r> ⇒ none
<!- <meta charset=big5> --><meta charset=koi8-r> ⇒ koi8-r
<! -- <meta charset=big5> --><meta charset=koi8-r> ⇒ koi8-r
-- what looks like markup
<!doctype html><meta charset=koi8-r> ⇒ koi8-r
<!x <meta charset=big5><meta charset=koi8-r> ⇒ koi8-r
<?x <meta charset=big5><meta charset=koi8-r> ⇒ koi8-r
</ <meta charset=big5><meta charset=koi8-r> ⇒ koi8-r
</3><meta charset=koi8-r> ⇒ koi8-r
<3 <meta charset=koi8-r> ⇒ koi8-r
<<meta charset=koi8-r> ⇒ koi8-r
<><meta charset=koi8-r> ⇒ koi8-r
<title>x</title><meta charset=koi8-r> ⇒ koi8-r
<a <meta charset=big5><meta charset=koi8-r> ⇒ koi8-r
<a x="<meta charset=big5>"><meta charset=koi8-r> ⇒ koi8-r
<a x='>'><meta charset=koi8-r> ⇒ koi8-r
</a x="<meta charset=big5>"><meta charset=koi8-r> ⇒ koi8-r
<a"<meta charset=big5>"><meta charset=koi8-r> ⇒ koi8-r
<a x="><meta charset=koi8-r> ⇒ none
<a/x=y><meta charset=koi8-r> ⇒ koi8-r
<script>x = "<meta charset=koi8-r>"</script> ⇒ koi8-r
<style><meta charset=koi8-r></style> ⇒ koi8-r
<title><meta charset=koi8-r></title> ⇒ koi8-r
<textarea><!--</textarea><meta charset=koi8-r> ⇒ none
<noscript><meta charset=koi8-r></noscript> ⇒ koi8-r
<body><p><meta charset=koi8-r> ⇒ koi8-r
-- what the end cuts off
<meta charset=koi8-r ⇒ none
<meta charset=koi8-r· ⇒ none
<meta charset="koi8-r" ⇒ none
<meta charset="koi8-r ⇒ none
<meta charset='koi8-r> ⇒ none
<meta charset=koi8-r x ⇒ none
<meta charset=koi8-r x="> ⇒ none
<meta http-equiv=content-type content="charset=koi8-r" ⇒ none
<meta· ⇒ none
<meta ⇒ none
<m ⇒ none
< ⇒ none
<! ⇒ none
<!- ⇒ none
<!-- ⇒ none
</ ⇒ none
</x ⇒ none
<? ⇒ none
 ⇒ none
-- an XML declaration counts where no meta element does
<?xml version="1.0" encoding="koi8-r"?> ⇒ koi8-r
<?xml version='1.0' encoding='koi8-r'?> ⇒ koi8-r
<?xml encoding="KOI8-R"?> ⇒ koi8-r
<?xml encoding→=¶"koi8-r"?> ⇒ koi8-r
<?xml encoding⌷=⌷"koi8-r"?> ⇒ koi8-r
<?xml version="1.0" encoding="koi8-r"?><meta charset=big5> ⇒ big5
<?xml version="1.0" encoding="koi8-r"?><meta charset=bogus> ⇒ koi8-r
<?xml version="1.0" encoding="koi8-r"?><!-- <meta charset=big5> ⇒ koi8-r
<?xml version="1.0" encoding="koi8-r"?><meta charset=big5 ⇒ koi8-r
<?xml version="1.0" encoding="utf-16"?> ⇒ utf-8
<?xml version="1.0" encoding="utf-16be"?> ⇒ utf-8
<?xml version="1.0" encoding="bogus"?> ⇒ none
<?xml version="1.0" encoding=" koi8-r"?> ⇒ none
<?xml version="1.0" encoding="koi8-r·"?> ⇒ none
<?xml version="1.0" encoding=""?> ⇒ none
<?xml version="1.0" encoding=koi8-r?> ⇒ none
<?xml version="1.0" encoding="koi8-r'?> ⇒ none
<?xml version="1.0" encoding "koi8-r"?> ⇒ none
<?xml version="1.0" encoding="bogus" encoding="koi8-r"?> ⇒ none
<?xml version="1.0" ENCODING="koi8-r"?> ⇒ none
<?XML version="1.0" encoding="koi8-r"?> ⇒ none
·<?xml version="1.0" encoding="koi8-r"?> ⇒ none
<?xml version="1.0" encoding="koi8-r" ⇒ none
<?xml version="1.0"?> ⇒ none
<⌷?⌷x⌷ ⇒ utf-16le
⌷<⌷?⌷x ⇒ utf-16be
<⌷?⌷x⌷m⌷l⌷ ⌷e⌷n⌷c⌷o⌷d⌷i⌷n⌷g⌷=⌷"⌷k⌷o⌷i⌷8⌷"⌷?⌷>⌷ ⇒ utf-16le
<⌷?⌷y⌷ ⇒ none
""")

HEADERS: dict[str, str | None] = {
    # A Content-Type, and the encoding it names. Spaces and single quotes are forgiven.
    "text/html; charset=koi8-r": "koi8-r",
    "text/html;charset=koi8-r": "koi8-r",
    "text/html; charset=KOI8-R": "koi8-r",
    "TEXT/HTML; CHARSET=koi8-r": "koi8-r",
    "text/html;\tcharset=koi8-r": "koi8-r",
    "text/html ; charset=koi8-r ": "koi8-r",
    "text/html; charset=koi8-r;": "koi8-r",
    "text/html;; charset=koi8-r": "koi8-r",
    'text/html; charset="koi8-r"': "koi8-r",
    'text/html; charset="koi8-r': "koi8-r",
    'text/html; charset="koi8-r"x': "koi8-r",
    'text/html; charset="koi8\\-r"': "koi8-r",
    'text/html; charset=" koi8-r "': "koi8-r",
    "text/html; charset='koi8-r'": "koi8-r",
    "text/html; charset = koi8-r": "koi8-r",
    "text/html; x=y; charset=koi8-r": "koi8-r",
    "text/html; x; charset=koi8-r": "koi8-r",
    'text/html; x="y;charset=big5"; charset=koi8-r': "koi8-r",
    'text/html; x="\\";charset=big5"; charset=koi8-r': "koi8-r",
    "text/html; charset=koi8-r; charset=big5": "koi8-r",
    "text/html; charset=; charset=koi8-r": "koi8-r",
    "text/html; charset; charset=koi8-r": "koi8-r",
    "text/html; charset=bogus; charset=koi8-r": None,
    'text/html; charset=""; charset=koi8-r': None,
    "text/html; charset=utf-16": "utf-16le",
    "text/html; charset=utf-16be": "utf-16be",
    "text/html; charset=x-user-defined": "x-user-defined",
    "text/html; xcharset=koi8-r": None,
    "text/html; x-charset=koi8-r": None,
    "text/html; charsets=koi8-r": None,
    "text/html; charset:koi8-r": None,
    "text/html; charset=koi8-r x": None,
    "text/html; charset=koi8-r,big5": None,
    "text/html; charset=utf-7": None,
    "text/html; charset=\u212aoi8-r": None,
    "text/html; charset=": None,
    "text/html; charset": None,
    "text/html": None,
    "": None,
}
