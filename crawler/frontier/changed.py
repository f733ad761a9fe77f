"""What has become of a URL from one pass to a later one, of what each pass between says."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from crawler.selected import Difference, differences


class Changed(NamedTuple):
    """A page that is otherwise: ``change`` is new, changed or gone, ``reason`` why it is gone.

    ``status_before`` and ``status_after`` are null where there was no page, or is none. ``fields``
    is what is otherwise of what is selected (None: not known, or there was or is no page).
    """

    url: str
    after: int
    change: str
    reason: str | None
    status_before: int | None
    status_after: int | None
    fields: Sequence[Difference] | None


def summed(url: str, after: int, steps: Sequence[Sequence[Any]]) -> Changed | None:
    """Return what several changes come to, one after another; None: all is as it was.

    Steps are (kind, why, status before, after, what was selected before, after).
    """
    first, last = steps[0], steps[-1]
    there_before, there_after = first[0] != "new", last[0] != "gone"
    if not there_before and not there_after:
        return None
    change = "changed" if there_before and there_after else "gone" if there_before else "new"
    status_before, fields = first[2] if there_before else None, None
    if change == "changed" and first[4] is not None and last[5] is not None:
        fields = differences(first[4], last[5])
        if fields == [] and len(steps) > 1 and status_before == last[3]:
            return None
    return Changed(url, after, change, last[1], status_before, last[3], fields)
