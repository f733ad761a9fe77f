"""The URL standard, join by join: what a reference on a page leads to.

One line a case: reference and URL, without its fragment and credentials; ``none`` where it
is no http or https URL. Lines that begin with ``--`` name the page from there on. ``→`` is
a tab, ``¶`` a line feed, ``·`` a space, ``⌷`` NUL.
"""

from typing import NamedTuple


class Case(NamedTuple):
    """A page, a reference on it, and where it leads."""

    base: str
    reference: str
    url: str | None


def cases(table: str) -> list[Case]:
    """Return the cases of a table."""
    found = []
    base = "about:blank"
    for line in filter(None, table.splitlines()):
        if line.startswith("-- "):
            base = line.removeprefix("-- ")
        elif not line.startswith("--"):
            reference, url = line.split(" ⇒ ")
            for sign, meant in ("→\t", "¶\n", "·\x20", "⌷\0"):
                reference = reference.replace(sign, meant)
            found.append(Case(base, reference, None if url == "none" else url))
    return found


PATHS = cases("""
-- https://example.com/dir/page?q=1
--- relative references
x ⇒ https://example.com/dir/x
x/ ⇒ https://example.com/dir/x/
x/y ⇒ https://example.com/dir/x/y
/ ⇒ https://example.com/
/x ⇒ https://example.com/x
/x/y/ ⇒ https://example.com/x/y/
?x ⇒ https://example.com/dir/page?x
?x?y ⇒ https://example.com/dir/page?x?y
? ⇒ https://example.com/dir/page?
x? ⇒ https://example.com/dir/x?
x?y=z&w ⇒ https://example.com/dir/x?y=z&w
?/../x ⇒ https://example.com/dir/page?/../x
 ⇒ https://example.com/dir/page?q=1
·· ⇒ https://example.com/dir/page?q=1
# ⇒ https://example.com/dir/page?q=1
#x ⇒ https://example.com/dir/page?q=1
#x?y#z ⇒ https://example.com/dir/page?q=1
x#y ⇒ https://example.com/dir/x
x#y#z ⇒ https://example.com/dir/x
?x#y ⇒ https://example.com/dir/page?x
x?#y ⇒ https://example.com/dir/x?
x%23y ⇒ https://example.com/dir/x%23y
x;y=1 ⇒ https://example.com/dir/x;y=1
;x ⇒ https://example.com/dir/;x
@x ⇒ https://example.com/dir/@x
&x ⇒ https://example.com/dir/&x
=x ⇒ https://example.com/dir/=x
x//y ⇒ https://example.com/dir/x//y
--- what looks like a scheme and is none
:x ⇒ https://example.com/dir/:x
://x ⇒ https://example.com/dir/://x
1x:y ⇒ https://example.com/dir/1x:y
-x:y ⇒ https://example.com/dir/-x:y
x y:z ⇒ https://example.com/dir/x%20y:z
x_y:z ⇒ https://example.com/dir/x_y:z
x%3Ay ⇒ https://example.com/dir/x%3Ay
ht%74ps://x ⇒ https://example.com/dir/ht%74ps://x
ü:x ⇒ https://example.com/dir/%C3%BC:x
./x:y ⇒ https://example.com/dir/x:y
/x:y ⇒ https://example.com/x:y
--- dot segments
. ⇒ https://example.com/dir/
./ ⇒ https://example.com/dir/
./x ⇒ https://example.com/dir/x
././x ⇒ https://example.com/dir/x
x/. ⇒ https://example.com/dir/x/
x/./ ⇒ https://example.com/dir/x/
x/./y ⇒ https://example.com/dir/x/y
.. ⇒ https://example.com/
../ ⇒ https://example.com/
../x ⇒ https://example.com/x
../../x ⇒ https://example.com/x
/../x ⇒ https://example.com/x
/../../../ ⇒ https://example.com/
x/.. ⇒ https://example.com/dir/
x/../ ⇒ https://example.com/dir/
x/../y ⇒ https://example.com/dir/y
x/y/../.. ⇒ https://example.com/dir/
x/y/../../.. ⇒ https://example.com/
/x/../y ⇒ https://example.com/y
/x//../y ⇒ https://example.com/x/y
/x/..//y ⇒ https://example.com//y
/.. ⇒ https://example.com/
/. ⇒ https://example.com/
... ⇒ https://example.com/dir/...
.../x ⇒ https://example.com/dir/.../x
.x ⇒ https://example.com/dir/.x
..x ⇒ https://example.com/dir/..x
x. ⇒ https://example.com/dir/x.
x.. ⇒ https://example.com/dir/x..
..;x ⇒ https://example.com/dir/..;x
../?x ⇒ https://example.com/?x
..?x ⇒ https://example.com/?x
..#x ⇒ https://example.com/
.?x ⇒ https://example.com/dir/?x
?../x ⇒ https://example.com/dir/page?../x
%2e ⇒ https://example.com/dir/
%2E ⇒ https://example.com/dir/
%2e/x ⇒ https://example.com/dir/x
%2e%2e ⇒ https://example.com/
%2E%2e/x ⇒ https://example.com/x
.%2e/x ⇒ https://example.com/x
%2e./x ⇒ https://example.com/x
x/%2E%2E/y ⇒ https://example.com/dir/y
%2e%2e%2fx ⇒ https://example.com/dir/%2e%2e%2fx
%2e%2e%2e ⇒ https://example.com/dir/%2e%2e%2e
%252e%252e/x ⇒ https://example.com/dir/%252e%252e/x
/C:/../x ⇒ https://example.com/x
/C|/x ⇒ https://example.com/C|/x
--- backslashes are slashes, but not in the query
\\x ⇒ https://example.com/x
x\\y ⇒ https://example.com/dir/x/y
..\\x ⇒ https://example.com/x
x\\..\\y ⇒ https://example.com/dir/y
x?y\\z ⇒ https://example.com/dir/x?y\\z
x%5Cy ⇒ https://example.com/dir/x%5Cy
\\\\other.example\\x ⇒ https://other.example/x
/\\other.example/x ⇒ https://other.example/x
\\/other.example/x ⇒ https://other.example/x
https:\\\\other.example\\x\\y ⇒ https://other.example/x/y
https:/\\other.example ⇒ https://other.example/
https://other.example\\@evil.example/ ⇒ https://other.example/@evil.example/
--- tabs and line ends vanish, what is around goes, other controls are escaped
··x·· ⇒ https://example.com/dir/x
→x→ ⇒ https://example.com/dir/x
¶x¶ ⇒ https://example.com/dir/x
⌷x⌷ ⇒ https://example.com/dir/x
→··¶x¶··→ ⇒ https://example.com/dir/x
x→y ⇒ https://example.com/dir/xy
x¶y ⇒ https://example.com/dir/xy
.→./x ⇒ https://example.com/x
.¶.¶/x ⇒ https://example.com/x
?x→y¶z ⇒ https://example.com/dir/page?xyz
ht→tps://exa¶mple.com/→x ⇒ https://example.com/x
/→/other.example/x ⇒ https://other.example/x
x y ⇒ https://example.com/dir/x%20y
x·#y ⇒ https://example.com/dir/x%20
x··#·y ⇒ https://example.com/dir/x%20%20
x→#y ⇒ https://example.com/dir/x
·#y ⇒ https://example.com/dir/page?q=1
x·?y ⇒ https://example.com/dir/x%20?y
?x·#y ⇒ https://example.com/dir/page?x%20
?x y ⇒ https://example.com/dir/page?x%20y
x⌷y ⇒ https://example.com/dir/x%00y
?x⌷y ⇒ https://example.com/dir/page?x%00y
""")

ENCODED = cases("""
-- https://example.com/dir/page?q=1
--- the path percent-encode set
/!$&'()*+,-.;=_~:@ ⇒ https://example.com/!$&'()*+,-.;=_~:@
/[]| ⇒ https://example.com/[]|
/x"y ⇒ https://example.com/x%22y
/x<y>z ⇒ https://example.com/x%3Cy%3Ez
/x`y ⇒ https://example.com/x%60y
/x{y}z ⇒ https://example.com/x%7By%7Dz
/x^y ⇒ https://example.com/x%5Ey
/x|y ⇒ https://example.com/x|y
/x'y ⇒ https://example.com/x'y
/é ⇒ https://example.com/%C3%A9
/日本 ⇒ https://example.com/%E6%97%A5%E6%9C%AC
/😀 ⇒ https://example.com/%F0%9F%98%80
/\x7f ⇒ https://example.com/%7F
/\x80 ⇒ https://example.com/%C2%80
/x\x01y ⇒ https://example.com/x%01y
/x\x1fy ⇒ https://example.com/x%1Fy
/\ufffd ⇒ https://example.com/%EF%BF%BD
/\uffff ⇒ https://example.com/%EF%BF%BF
/\u202e ⇒ https://example.com/%E2%80%AE
/\u00a0 ⇒ https://example.com/%C2%A0
--- the special-query percent-encode set
?!$&()*+,-.;=_~:@/? ⇒ https://example.com/dir/page?!$&()*+,-.;=_~:@/?
?x'y ⇒ https://example.com/dir/page?x%27y
?x"y ⇒ https://example.com/dir/page?x%22y
?x<y>z ⇒ https://example.com/dir/page?x%3Cy%3Ez
?x`y{z}|^[] ⇒ https://example.com/dir/page?x`y{z}|^[]
?é ⇒ https://example.com/dir/page?%C3%A9
?😀 ⇒ https://example.com/dir/page?%F0%9F%98%80
?x\x7f ⇒ https://example.com/dir/page?x%7F
?x+y ⇒ https://example.com/dir/page?x+y
--- escapes stay as they are, also wrong ones
/%41 ⇒ https://example.com/%41
/%7Euser ⇒ https://example.com/%7Euser
/~user ⇒ https://example.com/~user
/%c3%a9 ⇒ https://example.com/%c3%a9
/%2F ⇒ https://example.com/%2F
/%2f ⇒ https://example.com/%2f
/%3F ⇒ https://example.com/%3F
/%zz ⇒ https://example.com/%zz
/% ⇒ https://example.com/%
/%4 ⇒ https://example.com/%4
/%%41 ⇒ https://example.com/%%41
/%25 ⇒ https://example.com/%25
/%00 ⇒ https://example.com/%00
/%0d%0a ⇒ https://example.com/%0d%0a
/%u00e9 ⇒ https://example.com/%u00e9
/%FF ⇒ https://example.com/%FF
?%zz% ⇒ https://example.com/dir/page?%zz%
?x=%26&amp;y ⇒ https://example.com/dir/page?x=%26&amp;y
?u=https%3A%2F%2Fother.example%2F ⇒ https://example.com/dir/page?u=https%3A%2F%2Fother.example%2F
?u=https://other.example/ ⇒ https://example.com/dir/page?u=https://other.example/
""")

SCHEMES = cases("""
-- https://example.com/dir/page?q=1
--- schemes in any case, slashes in any number
https://other.example ⇒ https://other.example/
HTTPS://other.example/ ⇒ https://other.example/
hTtP://other.example/ ⇒ http://other.example/
http://other.example?x ⇒ http://other.example/?x
http://other.example#x ⇒ http://other.example/
http:other.example ⇒ http://other.example/
http:/other.example ⇒ http://other.example/
http:///other.example ⇒ http://other.example/
http://////other.example/x ⇒ http://other.example/x
https:/other ⇒ https://example.com/other
https:other ⇒ https://example.com/dir/other
https:../other ⇒ https://example.com/other
https:?x ⇒ https://example.com/dir/page?x
https:#x ⇒ https://example.com/dir/page?q=1
https: ⇒ https://example.com/dir/page?q=1
https:///other.example/x ⇒ https://other.example/x
//other.example ⇒ https://other.example/
//other.example/x?y ⇒ https://other.example/x?y
///other.example/x ⇒ https://other.example/x
////other.example/x ⇒ https://other.example/x
--- others lead nowhere
ftp://other.example/ ⇒ none
ws://other.example/ ⇒ none
wss://other.example/ ⇒ none
file:///etc/passwd ⇒ none
file:x ⇒ none
gopher://other.example/ ⇒ none
javascript:alert(1) ⇒ none
JavaScript:void(0) ⇒ none
java→script:alert(1) ⇒ none
javascript://example.com/%0Aalert(1) ⇒ none
mailto:x@example.com ⇒ none
tel:+4912345 ⇒ none
sms:+4912345 ⇒ none
data:text/html,x ⇒ none
blob:https://example.com/x ⇒ none
about:blank ⇒ none
view-source:https://example.com/ ⇒ none
urn:isbn:1 ⇒ none
x:y ⇒ none
x-y.z+1:w ⇒ none
C:\\x ⇒ none
C:/x ⇒ none
httpx://example.com/ ⇒ none
http+unix://x/ ⇒ none
--- no host
http:// ⇒ none
http: ⇒ none
http:/// ⇒ none
https://?x ⇒ none
https://#x ⇒ none
https://:443/ ⇒ none
https://@/x ⇒ none
https://u@/x ⇒ none
https://u:p@:443/ ⇒ none
// ⇒ none
/// ⇒ none
//?x ⇒ none
\\\\ ⇒ none
https:// ⇒ none
""")

HOSTS = cases("""
-- https://example.com/dir/page?q=1
--- names
https://EXAMPLE.Com/X ⇒ https://example.com/X
https://example.com. ⇒ https://example.com./
https://example.com../ ⇒ https://example.com../
https://a..b/ ⇒ https://a..b/
https://a_b.example/ ⇒ https://a_b.example/
https://-a.example/ ⇒ https://-a.example/
https://a.-b/ ⇒ https://a.-b/
https://*.example/ ⇒ https://*.example/
https://!"$&'()*+,-.;=_`{}~/ ⇒ https://!"$&'()*+,-.;=_`{}~/
https://ex%41mple.com/ ⇒ https://example.com/
https://%65xample.com/ ⇒ https://example.com/
https://ex%2Eample.com/ ⇒ https://ex.ample.com/
https://a b/ ⇒ none
https://a%20b/ ⇒ none
https://a%00b/ ⇒ none
https://a⌷b/ ⇒ none
https://a%2Fb/ ⇒ none
https://a%3Ab/ ⇒ none
https://a%40b/ ⇒ none
https://a%25b/ ⇒ none
https://a%b/ ⇒ none
https://a%zz/ ⇒ none
https://a<b/ ⇒ none
https://a>b/ ⇒ none
https://a^b/ ⇒ none
https://a|b/ ⇒ none
https://a[b/ ⇒ none
https://a]b/ ⇒ none
https://a\x7fb/ ⇒ none
https://a\x01b/ ⇒ none
https://a%7Fb/ ⇒ none
--- international names
https://bücher.example/ ⇒ https://xn--bcher-kva.example/
https://BÜCHER.example/ ⇒ https://xn--bcher-kva.example/
https://bu\u0308cher.example/ ⇒ https://xn--bcher-kva.example/
https://b%C3%BCcher.example/ ⇒ https://xn--bcher-kva.example/
https://xn--bcher-kva.example/ ⇒ https://xn--bcher-kva.example/
https://XN--BCHER-KVA.example/ ⇒ https://xn--bcher-kva.example/
https://faß.de/ ⇒ https://xn--fa-hia.de/
https://βόλος.com/ ⇒ https://xn--nxasmm1c.com/
https://☃.net/ ⇒ https://xn--n3h.net/
https://日本語.jp/ ⇒ https://xn--wgv71a119e.jp/
https://例え.テスト/ ⇒ https://xn--r8jz45g.xn--zckzah/
https://президент.рф/ ⇒ https://xn--d1abbgf6aiiy.xn--p1ai/
https://пример.испытание/ ⇒ https://xn--e1afmkfd.xn--80akhbyknj4f/
https://münchen.de/ ⇒ https://xn--mnchen-3ya.de/
https://españa.es/ ⇒ https://xn--espaa-rta.es/
https://例子。测试/ ⇒ https://xn--fsqu00a.xn--0zwm56d/
https://example．com/ ⇒ https://example.com/
https://example｡com/ ⇒ https://example.com/
https://ｅｘａｍｐｌｅ.com/ ⇒ https://example.com/
https://exa\u00admple.com/ ⇒ https://example.com/
https://exa\u200bmple.com/ ⇒ https://example.com/
https://exa\u2060mple.com/ ⇒ https://example.com/
https://\u212aelvin.example/ ⇒ https://kelvin.example/
https://ﬁ.example/ ⇒ https://fi.example/
https://①.example/ ⇒ https://1.example/
https://\u00ad/ ⇒ none
https://a\u2100b/ ⇒ none
https://a\uff05b/ ⇒ none
https://a\uff0fb/ ⇒ none
https://a\ufffdb/ ⇒ none
https://%FF/ ⇒ none
https://\u0301a.example/ ⇒ none
--- ports
https://example.com:443/ ⇒ https://example.com/
https://example.com:80/ ⇒ https://example.com:80/
http://example.com:80/ ⇒ http://example.com/
http://example.com:443/ ⇒ http://example.com:443/
http://example.com:8080 ⇒ http://example.com:8080/
http://example.com:/ ⇒ http://example.com/
http://example.com: ⇒ http://example.com/
http://example.com:0/ ⇒ http://example.com:0/
http://example.com:00080/ ⇒ http://example.com/
http://example.com:008080/ ⇒ http://example.com:8080/
http://example.com:65535/ ⇒ http://example.com:65535/
http://example.com:65536/ ⇒ none
http://example.com:99999999999999999999/ ⇒ none
http://example.com:8→0/ ⇒ http://example.com/
http://example.com:x/ ⇒ none
http://example.com:80x/ ⇒ none
http://example.com:-80/ ⇒ none
http://example.com:+80/ ⇒ none
http://example.com:8 0/ ⇒ none
http://example.com:80:80/ ⇒ none
http://example.com:%38%30/ ⇒ none
http://example.com:８０/ ⇒ none
http://example.com:8080?x ⇒ http://example.com:8080/?x
http://example.com:8080\\x ⇒ http://example.com:8080/x
--- credentials go
https://u@example.com/ ⇒ https://example.com/
https://u:p@example.com/ ⇒ https://example.com/
https://u:@example.com/ ⇒ https://example.com/
https://:p@example.com/ ⇒ https://example.com/
https://:@example.com/ ⇒ https://example.com/
https://@example.com/ ⇒ https://example.com/
https://u:p@example.com:8443/x ⇒ https://example.com:8443/x
https://a@b@c/ ⇒ https://c/
https://a:b@c:d@e/ ⇒ https://e/
https://a:b:c@d/ ⇒ https://d/
https://u%40x:p%3Ay@example.com/ ⇒ https://example.com/
https://u;x=y@example.com/ ⇒ https://example.com/
https://u[]^|@example.com/ ⇒ https://example.com/
https://ü:é@example.com/ ⇒ https://example.com/
https://other.example:443@example.com/ ⇒ https://example.com/
//u:p@other.example/x ⇒ https://other.example/x
https://example.com/@x ⇒ https://example.com/@x
https://example.com/x:y@z ⇒ https://example.com/x:y@z
https://example.com?x@y ⇒ https://example.com/?x@y
https://example.com#x@y ⇒ https://example.com/
https://u:p@example.com/x@y?z@w ⇒ https://example.com/x@y?z@w
https://u@[::1]/ ⇒ https://[::1]/
""")

ADDRESSES = cases("""
-- https://example.com/dir/page?q=1
--- IPv4 in all its forms
http://127.0.0.1/ ⇒ http://127.0.0.1/
http://127.0.0.1./ ⇒ http://127.0.0.1/
http://127.1/ ⇒ http://127.0.0.1/
http://127.0.1/ ⇒ http://127.0.0.1/
http://2130706433/ ⇒ http://127.0.0.1/
http://0x7f000001/ ⇒ http://127.0.0.1/
http://0X7F.0.0.1/ ⇒ http://127.0.0.1/
http://0x7f.1/ ⇒ http://127.0.0.1/
http://017700000001/ ⇒ http://127.0.0.1/
http://0177.0.0.01/ ⇒ http://127.0.0.1/
http://%31%32%37.1/ ⇒ http://127.0.0.1/
http://１２７.0.0.1/ ⇒ http://127.0.0.1/
http://127。0。0。1/ ⇒ http://127.0.0.1/
http://0/ ⇒ http://0.0.0.0/
http://0x/ ⇒ http://0.0.0.0/
http://0x.0x.0/ ⇒ http://0.0.0.0/
http://00000000/ ⇒ http://0.0.0.0/
http://1.2.3.4:80/ ⇒ http://1.2.3.4/
http://1.2.65535/ ⇒ http://1.2.255.255/
http://1.16777215/ ⇒ http://1.255.255.255/
http://4294967295/ ⇒ http://255.255.255.255/
http://0xffffffff/ ⇒ http://255.255.255.255/
http://192.0x00A80001/ ⇒ http://192.168.0.1/
http://010.8.8.8/ ⇒ http://8.8.8.8/
http://4294967296/ ⇒ none
http://0x100000000/ ⇒ none
http://256.1.1.1/ ⇒ none
http://1.256.1.1/ ⇒ none
http://1.1.1.256/ ⇒ none
http://1.2.65536/ ⇒ none
http://1.16777216/ ⇒ none
http://1.2.3.4.5/ ⇒ none
http://1..2/ ⇒ none
http://.1/ ⇒ none
http://1.2.3.08/ ⇒ none
http://1.2.3.0x/ ⇒ http://1.2.3.0/
http://1.2.3.0xg/ ⇒ http://1.2.3.0xg/
http://08.1/ ⇒ none
http://a.1/ ⇒ none
http://a.09/ ⇒ none
http://a.0x/ ⇒ none
http://a.0x1/ ⇒ none
http://a.1./ ⇒ none
http://1.a/ ⇒ http://1.a/
http://1.2.3.4a/ ⇒ http://1.2.3.4a/
http://1e2/ ⇒ http://1e2/
http://-1/ ⇒ http://-1/
http://1.2.3.4../ ⇒ http://1.2.3.4../
--- IPv6
http://[::]/ ⇒ http://[::]/
http://[::1]/ ⇒ http://[::1]/
http://[::1]:80/ ⇒ http://[::1]/
http://[::1]:8080/ ⇒ http://[::1]:8080/
http://[0:0:0:0:0:0:0:1]/ ⇒ http://[::1]/
http://[2001:DB8::A]/ ⇒ http://[2001:db8::a]/
http://[2001:0db8:0000::0001]/ ⇒ http://[2001:db8::1]/
http://[1:0:0:4:0:0:0:8]/ ⇒ http://[1:0:0:4::8]/
http://[1:0:0:4:0:0:7:8]/ ⇒ http://[1::4:0:0:7:8]/
http://[1:0:3:4:5:6:7:8]/ ⇒ http://[1:0:3:4:5:6:7:8]/
http://[1:2:3:4:5:6:7::]/ ⇒ http://[1:2:3:4:5:6:7:0]/
http://[1::]/ ⇒ http://[1::]/
http://[::ffff:127.0.0.1]/ ⇒ http://[::ffff:7f00:1]/
http://[::127.0.0.1]/ ⇒ http://[::7f00:1]/
http://[64:ff9b::192.0.2.1]/ ⇒ http://[64:ff9b::c000:201]/
http://[1:2:3:4:5:6:7.8.9.10]/ ⇒ http://[1:2:3:4:5:6:708:90a]/
http://[]/ ⇒ none
http://[::1/ ⇒ none
http://::1]/ ⇒ none
http://::1/ ⇒ none
http://[::1]x/ ⇒ none
http://x[::1]/ ⇒ none
http://[:1]/ ⇒ none
http://[1:2]/ ⇒ none
http://[1::2::3]/ ⇒ none
http://[1:2:3:4:5:6:7:8:9]/ ⇒ none
http://[12345::]/ ⇒ none
http://[g::]/ ⇒ none
http://[::1%25eth0]/ ⇒ none
http://[::1%eth0]/ ⇒ none
http://[::127.0.0]/ ⇒ none
http://[::127.0.0.256]/ ⇒ none
http://[::127.0.0.01]/ ⇒ none
http://[::1.2.3.4.5]/ ⇒ none
http://[1:2:3:4:5:6:7:1.2.3.4]/ ⇒ none
http://[::0x7f.1]/ ⇒ none
http://[v1.x]/ ⇒ none
http://[ ::1]/ ⇒ none
http://[%3A%3A1]/ ⇒ none
""")

BASES = cases("""
--- without a page only absolute URLs are
https://example.com ⇒ https://example.com/
··HTTP://Example.COM:80/../x?y#z·· ⇒ http://example.com/x?y
https:example.com ⇒ https://example.com/
https:/example.com ⇒ https://example.com/
https:\\example.com ⇒ https://example.com/
example.com ⇒ none
//example.com ⇒ none
/x ⇒ none
x ⇒ none
?x ⇒ none
#x ⇒ none
 ⇒ none
-- http://example.com
x ⇒ http://example.com/x
? ⇒ http://example.com/?
.. ⇒ http://example.com/
//x ⇒ http://x/
https:x ⇒ https://x/
http:x ⇒ http://example.com/x
-- http://example.com/
x ⇒ http://example.com/x
../x ⇒ http://example.com/x
 ⇒ http://example.com/
-- http://example.com:8080/a/b/c/
x ⇒ http://example.com:8080/a/b/c/x
.. ⇒ http://example.com:8080/a/b/
../.. ⇒ http://example.com:8080/a/
/x ⇒ http://example.com:8080/x
//example.com/x ⇒ http://example.com/x
?x ⇒ http://example.com:8080/a/b/c/?x
-- http://example.com/a//
.. ⇒ http://example.com/a/
../x ⇒ http://example.com/a/x
x ⇒ http://example.com/a//x
-- http://example.com/a;b/c;d?e;f
x ⇒ http://example.com/a;b/x
;x ⇒ http://example.com/a;b/;x
?x ⇒ http://example.com/a;b/c;d?x
-- http://example.com/a?b/c
x ⇒ http://example.com/x
 ⇒ http://example.com/a?b/c
-- http://example.com/a%2Fb/c
x ⇒ http://example.com/a%2Fb/x
.. ⇒ http://example.com/
-- http://[::1]:8080/x
y ⇒ http://[::1]:8080/y
//[::2] ⇒ http://[::2]/
""")

ALL = [*PATHS, *ENCODED, *SCHEMES, *HOSTS, *ADDRESSES, *BASES]

FOLDED = {
    # A crawl's own rule on top of the standard's: an empty query is none.
    "?": "https://example.com/dir/page",
    "x?": "https://example.com/dir/x",
    "x?#y": "https://example.com/dir/x",
    "/?": "https://example.com/",
    "https://u:p@other.example?": "https://other.example/",
    "x??": "https://example.com/dir/x??",
    "x?y?": "https://example.com/dir/x?y?",
    "x?=": "https://example.com/dir/x?=",
    "x?&": "https://example.com/dir/x?&",
    "x%3F": "https://example.com/dir/x%3F",
}
