"""Freed memory is kept for the next page, and given back when asked."""

import subprocess
import sys

READ = """
import resource, sys
import gc
from crawler import heap
from crawler.parse import html
gc.disable()
if sys.argv[1] == "keep":
    heap.keep()
    assert gc.isenabled()
page = b"<p>some <b>text</b> <a href=x>and a link</a></p>" * 800
def read(times):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(times):
        html.tree(page)
    return (resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) / times
read(20)
faults = read(50)
heap.trim()
print(faults, read(1))
"""


def faults(how: str) -> tuple[float, float]:
    """Return page faults a page, and those of the first page after memory was given back."""
    out = subprocess.check_output([sys.executable, "-c", READ, how], text=True)
    each, first = map(float, out.split())
    return each, first


def test_pages_reuse_the_memory_of_those_before() -> None:
    kept, after_trim = faults("keep")
    left_alone, _ = faults("leave")
    assert kept < 5
    assert after_trim > 50  # it had gone back to the system
    if sys.platform == "linux":
        assert left_alone > 50  # or else there would be no need for this
