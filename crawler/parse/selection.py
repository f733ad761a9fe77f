"""What the settings ask to take out of pages, checked before the first request."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import msgspec

from crawler.errors import BadSetting, InputMissing, Misconfigured
from crawler.recipe.model import BadRecipe, Field, Recipe
from crawler.settings import DEFAULT_EMIT, Settings


@dataclass(frozen=True, slots=True)
class Selection:
    """A recipe, and the name of a function; None where there is none.

    ``digest`` tells the recipe of a file from another one, however they are laid out, and
    ``code`` the file of a function's module from what it was.
    """

    recipe: Recipe | None = None
    extract: str | None = None
    digest: str = ""
    code: str = ""

    @property
    def makes_items(self) -> bool:
        """Whether there may be items."""
        return self.extract is not None or (self.recipe is not None and self.recipe.makes_items)

    @property
    def emit(self) -> tuple[str, ...]:
        """The record types to write by default: items in the place of pages without fields."""
        if not self.makes_items:
            return DEFAULT_EMIT
        kept = ("page",) if self.recipe is not None and self.recipe.fills_pages else ()
        return (*kept, "item", *(each for each in DEFAULT_EMIT if each != "page"))

    @property
    def columns(self) -> Sequence[str]:
        """The paths of the fields in records; of a function's items nothing is known."""
        sections = () if self.recipe is None else self.recipe.sections
        known = [f"fields.{field.name}" for section in sections for field in section.fields]
        return list(dict.fromkeys(known)) if self.extract is None else ["fields"]

    def lack(self, keys: Sequence[str]) -> str | None:
        """Return why no record's ``fields`` has anything under these keys; None: some may."""
        if self.recipe is None or self.extract is not None:
            return None
        lacks = [_lack(each.fields, keys) for each in self.recipe.sections]
        if None in lacks:
            return None
        known = ", ".join(self.columns)
        return next(filter(None, lacks), f"no such field; those selected are {known}")


def selection(settings: Settings) -> Selection:
    """Return what the settings select, known to be sound and what the outputs ask for.

    Raises BadSetting, Misconfigured (the recipe), or InputMissing (there is none).
    """
    chosen = _selection(settings)
    _check_types(settings, chosen)
    _check_columns(settings, chosen)
    return chosen


def _check_types(settings: Settings, chosen: Selection) -> None:
    """Raise BadSetting if items are asked for that nothing makes."""
    if chosen.makes_items:
        return
    why = "nothing makes items; give --each with --select, --extract, or a recipe with each"
    if "item" in (settings.emit or ()):
        raise BadSetting(f"--emit item: {why}")
    for each in settings.destinations():
        if "item" in each.types:
            raise BadSetting(f"--output {each.name}:item: {why}")


def _check_columns(settings: Settings, chosen: Selection) -> None:
    """Raise BadSetting if a field is asked for that nothing fills."""
    for path in settings.fields:
        top, *keys = path.split(".")
        if top not in ("fields", "field_errors"):
            continue
        if not chosen.columns:
            why = "nothing is selected; give --select, --extract, or a recipe with fields"
            raise BadSetting(f"--fields {path}: {why}")
        if top == "fields" and keys and (lack := chosen.lack(keys)):
            raise BadSetting(f"--fields {path}: {lack}")


def _lack(fields: Sequence[Field], keys: Sequence[str], path: str = "") -> str | None:
    """Return why fields have nothing under these keys, in words below ``path``; None: they may.

    The words are empty where the first key is not there at all.
    """
    name, *below = keys
    for field in fields:
        if field.name == name:
            if not below:
                return None
            whole = f"{path or 'fields'}.{name}"
            if field.all or not field.fields:
                kind = "a list" if field.all else "one value"
                return f"{whole} is {kind}, which has no names in it; write {whole}"
            return _lack(field.fields, below, whole)
    known = ", ".join(f"{path}.{each.name}" for each in fields)
    return path and f"no such field; {path} has {known}"


def _selection(settings: Settings) -> Selection:
    asked = (settings.recipe, settings.each, settings.extract, settings.select or None)
    if asked == (None, None, None, None):
        return Selection()
    from crawler.parse.extract import Extractor  # with all it needs, 20 ms
    from crawler.parse.function import BadFunction
    from crawler.recipe import flags

    recipe, digest = None, ""
    try:
        if settings.recipe is not None:
            recipe, digest = _file(settings.recipe)
        elif settings.select or settings.each is not None:
            recipe = flags.recipe(settings.select, settings.each)
        Extractor(recipe, settings.extract, strict=True)
    except BadRecipe as error:
        kind = BadSetting if settings.recipe is None else Misconfigured
        told = kind(str(error))
        for note in getattr(error, "__notes__", ()):
            told.add_note(note)
        raise told from None
    except BadFunction as error:
        raise BadSetting(str(error)) from None
    return Selection(recipe, settings.extract, digest, _code(settings.extract))


def _code(name: str | None) -> str:
    """Return the digest of the module that a function is of, which has been imported."""
    module = None if name is None else sys.modules.get(name.partition(":")[0])
    file = getattr(module, "__file__", None)
    try:
        return "" if file is None else _digest(Path(file).read_bytes())
    except OSError:
        return ""  # it is part of Python, or in an archive


def _digest(data: bytes) -> str:
    return sha256(data).hexdigest()[:16]


def _file(name: str) -> tuple[Recipe, str]:
    """Return the recipe in a file, and its digest. Raises BadRecipe or InputMissing."""
    try:
        data = Path(name).read_bytes()
    except (OSError, ValueError) as error:
        words = getattr(error, "strerror", None) or str(error)
        raise InputMissing(f"cannot read --recipe {name}: {words.lower()}") from None
    import tomllib

    from crawler.recipe import toml

    recipe = toml.recipe(data, name)
    content = msgspec.json.encode(tomllib.loads(data.decode("utf-8-sig")), order="sorted")
    return recipe, _digest(content)
