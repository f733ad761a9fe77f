"""The main content of a page as Markdown, by turbohtml: an extra, behind this one module.

turbohtml writes GitHub's Markdown in C, in a fortieth of the time that trafilatura takes; what
is main content it is told (:mod:`crawler.parse.main_content`). Links are absolute but for those
within the page, which are their words alone, as are those that lead to no document.
"""

from turbohtml import Document, Element, Markdown, Text, parse

from crawler.parse import main_content
from crawler.policy import urls

_UNSEEN = ", ".join(sorted(main_content.UNSEEN - {"head"}))
_STYLE = Markdown(links=Markdown.Links(skip_internal=True))
_KEPT = ("#", "mailto:", "tel:")


def markdown(source: str, base: str) -> str:
    """Return a decoded page as Markdown, its links resolved against ``base``."""
    document = parse(source, positions=False, scripting=True)
    body = document.select_one("body")
    if body is None:
        return ""
    root, noise = main_content.of(document.select, body)
    if found := _markdown(root, noise, base):
        return found
    everything = parse(source, positions=False, scripting=True)
    return _markdown(everything.select_one("body") or everything, "", base)


def _markdown(root: Element | Document, noise: str, base: str) -> str:
    for each in root.select(f"{noise}, {_UNSEEN}" if noise else _UNSEEN):
        each.decompose()
    known: dict[str, str | None] = {}
    for element in root.select("a[href]"):
        element.attrs.pop("title", None)
        _resolve(element, "href", base, known)
    for element in root.select("img"):
        if not _resolve(element, "src", base, known):
            element.replace_with(Text(str(element.attrs.get("alt") or "")))
    if "\xa0" in root.text:  # it would be written as an escape, in the midst of words
        for node in root.descendants:
            if isinstance(node, Text) and "\xa0" in node.data:
                node.data = node.data.replace("\xa0", " ")
    return root.to_markdown(_STYLE)


def _resolve(element: Element, name: str, base: str, known: dict[str, str | None]) -> bool:
    """Make a reference absolute, or drop it; return whether there is one."""
    reference = str(element.attrs.get(name) or "").strip()
    if reference not in known:
        known[reference] = _absolute(reference, base)
    url = known[reference]
    if url is None:
        element.attrs.pop(name, None)
    else:
        element.attrs[name] = url
    return url is not None


def _absolute(reference: str, base: str) -> str | None:
    if reference.lower().startswith(_KEPT):
        return reference
    path, mark, fragment = reference.partition("#")
    url = urls.resolve(base, path) if path else None
    return None if url is None else url + mark + fragment
