"""A shop on loopback: products, categories with pagination, and the truth about them.

Prices, dates and addresses are written in as many ways as shops write them, by number.
"""

from dataclasses import dataclass, field
from datetime import date, timedelta
from email.utils import format_datetime
from typing import Any

from tests.web.server import Reply, Request, Web

PER_PAGE = 20

NESTED = """<!doctype html><html><body><table class="outer"><tr><td>
<table class="spec"><tr><th>Weight</th><td>2,5 kg</td></tr>
<tr><th>Parts</th><td><table class="parts"><tr><td>Leg</td><td>4</td></tr>
<tr><td>Top</td><td>1</td></tr></table></td></tr></table>
</td><td><h1>Table <b>of</b><br>tables</h1></td></tr></table>"""

JSON_LD = """<!doctype html><html><head><script type="application/ld+json">
{"@type": "Product", "name": "Lamp", "sku": "L-7", "image": "/lamp.jpg",
 "offers": {"price": "49.90", "availability": "https://schema.org/InStock"}}
</script></head><body><div id="app"></div></body></html>"""

BROKEN = """<html><body><div class=product><h1>Chair<p class=price>Price: <b>1'299.-</b> CHF
<ul><li class=tag>wood<li class=tag>brown</ul><a class=more href=' ?id=3&amp;x '>more
<p class=product><img src="//img.example/a b.png"<span>x</table></form><td>"""

HAND_WRITTEN = {"/x/nested": NESTED, "/x/json-ld": JSON_LD, "/x/broken": BROKEN}

RECIPE = r"""
[[section]]
url = '/p/\d+$'
follow = []

[section.fields]
id = { css = ":root::attr(data-id)", type = "int", required = true }
name = { css = "h1", required = true }
price = { css = ".price", type = "float", decimal = "," }
list_price = { css = ".was", type = "float" }
stock = { css = ".stock", type = "int" }
available = { css = ".stock", type = "bool" }
added = { css = "time, .added", type = "date" }
image = { css = "img", type = "url" }
brand = { css = ".brand", default = "none" }
ean = { css = ".ean", re = 'EAN:\s*(\d+)' }
"tags[]" = ".tags li"
seller = { css = ".seller", fields = { name = "b", url = { css = "a", type = "url" } } }

[section.fields.sizes]
css = ".sizes tr"
all = true
fields.size = { css = "th", required = true }
fields.extra = { css = "td", type = "float", default = 0.0 }

[[section]]
url = '/c/'
follow = ".card h2"
next = "a.next"

[[section]]
url = '/x/nested'
[section.fields]
name = "h1"
weight = { css = ".spec > tbody > tr > td", type = "float" }

[section.fields.parts]
css = ".parts tr"
all = true
fields = { name = "td", count = { css = "td + td", type = "int" } }

[[section]]
url = '/x/json-ld'
[section.fields]
name = { css = 'script[type="application/ld+json"]', re = '"name":\s*"([^"]*)"' }
price = { css = 'script[type="application/ld+json"]', re = '"price":\s*"?([\d.]+)', type = "float" }
image = { css = 'script[type="application/ld+json"]', re = '"image":\s*"([^"]*)"', type = "url" }
available = { css = 'script[type="application/ld+json"]', re = 'InStock', type = "bool" }

[[section]]
url = '/x/broken'
each = "div.product"
follow = ".none"
[section.fields]
name = { css = "h1", re = '^\w+' }
price = { css = ".price", type = "float" }
"tags[]" = ".tag"
more = { css = "a.more", type = "url" }
image = { css = "img", type = "url" }

[[section]]
follow = ["nav", ".by-hand a"]
"""


def hand_written(origin: str) -> dict[str, dict[str, Any]]:
    """Return what the recipe makes of the pages written by hand, by path."""
    return {
        "/x/nested": {
            "name": "Table of tables",
            "weight": 2.5,
            "parts": [{"name": "Leg", "count": 4}, {"name": "Top", "count": 1}],
        },
        "/x/json-ld": {
            "name": "Lamp", "price": 49.9, "image": f"{origin}/lamp.jpg", "available": True,
        },
        "/x/broken": {
            "name": "Chair", "price": 1299.0, "tags": ["wood", "brown"],
            "more": f"{origin}/x/broken?id=3&x", "image": "http://img.example/a%20b.png",
        },
    }  # fmt: skip


@dataclass(slots=True)
class Shop:
    """``products`` in ``categories``; ``padding`` bytes make its pages as large as real ones."""

    products: int = 2_000
    categories: int = 40
    padding: int = 0
    origin: str = ""
    _pages: dict[str, str] = field(default_factory=dict)

    def serve(self, web: Web) -> str:
        """Open the shop and return its origin."""
        for number in range(self.products):
            self._pages[f"/p/{number}"] = self._product(number)
        for category in range(self.categories):
            self._list(category)
        nav = "".join(f'<a href="/c/{number}">C{number}</a> ' for number in range(self.categories))
        hand = "".join(f'<a href="{path}">x</a>' for path in HAND_WRITTEN)
        self._pages["/"] = (
            f"<nav>{nav}</nav><p class=by-hand>{hand}</p><a href=/about>About</a>"
            f"<a href=/p/0?from=home>Of the day</a>"
        )
        self._pages |= HAND_WRITTEN
        bodies = {path: text.encode() for path, text in self._pages.items()}

        async def handler(request: Request) -> Reply:
            body = bodies.get(request.path)
            return Reply("no such page", 404) if body is None else Reply(body)

        self.origin = web.serve(handler)
        return self.origin

    def truth(self, number: int) -> dict[str, Any]:
        """Return what is known of a product, as the recipe names it."""
        added = date(2026, 1, 1) + timedelta(days=number % 365)
        return {
            "id": number,
            "name": f"Product № {number} “Ω”",
            "price": _price(number),
            "list_price": _price(number) + 1000 if number % 3 == 0 else None,
            "stock": number * 7 if number % 4 else None,
            "available": bool(number % 4),
            "added": f"{added}T08:00:00+00:00" if number % 2 else f"{added}",
            "image": f"{self.origin}/img/{number}.png",
            "brand": f"Brand {number % 9}" if number % 5 else "none",
            "ean": f"{4_000_000_000_000 + number}",
            "tags": [f"tag {each}" for each in range(number % 4)],
            "seller": {"name": f"Seller {number % 7}", "url": f"{self.origin}/s/{number % 7}"}
            if number % 6 else None,
            "sizes": [{"size": "S", "extra": 0.0}, {"size": "XL", "extra": -1.5}][: number % 3],
        }  # fmt: skip

    def page(self, path: str) -> str:
        """Return the source of a page."""
        return self._pages[path]

    def _product(self, number: int) -> str:
        """Return a product's page, written as shop number ``number`` would write it."""
        truth = self.truth(number)
        price, was, stock = truth["price"], truth["list_price"], truth["stock"]
        tags = "".join(f"<li>{tag}" for tag in truth["tags"])
        day = date.fromisoformat(truth["added"][:10])
        added = (
            f"<p class=added>{_rfc(day)}</p>" if number % 2
            else f"<time datetime={day}>{day:%d %b}</time>"
        )  # fmt: skip
        sizes = "".join(
            f"<tr><th>{each['size']}<td>{'−€1,50' if each['extra'] else ''}"
            for each in truth["sizes"]
        )
        seller = (
            f'<div class=seller>by <b>{truth["seller"]["name"]}</b> '
            f'<a href="../s/{number % 7}#top">more</a></div>'
            if truth["seller"] else ""
        )  # fmt: skip
        return f"""<!doctype html><html data-id="{number}"><title>{number}</title><body>
<nav><a href="/">Home</a></nav><h1>Product №&nbsp;{number}
 <em>“Ω”</em></h1><p class=price>{_euro(price, number)}</p>
{f"<p>was <s class=was>£{was:,.2f}</s>" if was is not None else ""}
{f"<p class=stock>{stock:,} in stock" if stock is not None else ""}
{added}<img src="/img/{number}.png">{f"<p class=brand>{truth['brand']}" if number % 5 else ""}
<p class=ean>Code
EAN: {truth["ean"]}</p><ul class=tags>{tags}</ul><table class=sizes>{sizes}</table>{seller}
<div class=related><a href="/p/{(number + 1) % self.products}?from=related">Related</a></div>
{self._filling()}"""

    def _list(self, category: int) -> None:
        """Write the pages of a category."""
        numbers = range(category, self.products, self.categories)
        for page, start in enumerate(range(0, len(numbers), PER_PAGE)):
            cards = "".join(
                f'<div class=card><h2><a href="/p/{number}">P{number}</a></h2>'
                f'<a href="/cart?add={number}">Buy</a></div>'
                for number in numbers[start : start + PER_PAGE]
            )
            more = start + PER_PAGE < len(numbers)
            path = f"/c/{category}?page={page}" if page else f"/c/{category}"
            nxt = f'<a class=next href="?page={page + 1}">next</a>' if more else ""
            self._pages[path] = f"<nav><a href=/>Home</a></nav>{cards}{nxt}{self._filling()}"

    def _filling(self) -> str:
        """Return words and links as menus and footers have them."""
        line = '<li class="item"><a href="/about">About our <b>shop</b></a> and its terms</li>\n'
        return f"<footer><ul>{line * (self.padding // len(line))}</ul></footer>"


def _price(number: int) -> float:
    return number * 10 + (0 if number % 5 == 2 else 0.5)


def _euro(price: float, number: int) -> str:
    """Return a price as different shops write it, all of them with a decimal comma."""
    plain = f"{price:,.2f}".translate({ord(","): ".", ord("."): ","})
    return (
        f"{plain} €",
        f"€ {plain}",
        f"{price:,.0f} kr".replace(",", "\N{NO-BREAK SPACE}"),
        f"EUR {plain.replace('.', ' ')}",
        f"ab&nbsp;{plain}&nbsp;€*",
    )[number % 5]


def _rfc(day: date) -> str:
    from datetime import UTC, datetime

    return format_datetime(datetime(day.year, day.month, day.day, 8, tzinfo=UTC), usegmt=True)
