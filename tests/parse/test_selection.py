"""What --fields may ask for of what is selected, and what is said where it may not."""

import re
from pathlib import Path

import pytest

from crawler.errors import BadSetting
from crawler.parse.selection import selection
from crawler.settings import Settings

RECIPE = """
[[section]]
url = "/shop/"
[section.fields]
"tags[]" = "li"
price = ".price"
grower = { css = ".grower", fields = { name = "b", "marks[]" = "i" } }
offers = { css = ".offer", all = true, fields = { price = "b" } }

[[section]]
fields = { grower = "h1", "price[]" = "b" }
"""


@pytest.fixture
def recipe(tmp_path: Path) -> str:
    path = tmp_path / "shop.toml"
    path.write_text(RECIPE)
    return str(path)


@pytest.mark.parametrize(
    "path",
    ["fields", "fields.tags", "fields.grower", "fields.grower.name", "fields.grower.marks",
     "fields.offers", "field_errors.tags"],
)  # fmt: skip
def test_what_is_selected_may_be_asked_for(recipe: str, path: str) -> None:
    selection(Settings(recipe=recipe, fields=(path,)))


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("fields.tag", "no such field; those selected are fields.tags, fields.price, "),
        ("fields.tags.x", "fields.tags is a list, which has no names in it; write fields.tags"),
        ("fields.tags.0", "fields.tags is a list, which has no names in it; write fields.tags"),
        ("fields.offers.price", "fields.offers is a list, which has no names in it; write "),
        ("fields.grower.marks.x", "fields.grower.marks is a list, which has no names in it"),
        ("fields.grower.name.x", "fields.grower.name is one value, which has no names in it"),
        ("fields.grower.place", "no such field; fields.grower has fields.grower.name, "),
        ("fields.price.x", "fields.price is one value, which has no names in it; write "),
    ],
)
def test_what_is_not_selected_is_refused_with_why(recipe: str, path: str, told: str) -> None:
    with pytest.raises(BadSetting, match=re.escape(f"--fields {path}: {told}")):
        selection(Settings(recipe=recipe, fields=(path,)))
