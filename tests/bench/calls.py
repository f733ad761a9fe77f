"""What a crawl asks of the system: calls of the main process with its threads, by name."""

import json
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path


def _strace() -> str | None:
    """Return where strace is, if it is there and may trace."""
    program = shutil.which("strace")
    if program is None:
        return None
    tried = subprocess.run([program, "-o", "/dev/null", "true"], capture_output=True, check=False)
    return program if tried.returncode == 0 else None


STRACE = _strace()

_CALL = re.compile(r"(\d+) +(\w+)\(")

_PROFILED = """
import json, os, sys, threading
from collections import Counter
out, end, asked = sys.argv.pop(), os._exit, Counter()
def profile(frame, event, function):
    if event == "c_call":
        asked[function.__name__] += 1
def finish(code):
    sys.setprofile(None)
    with open(out, "w") as file:
        json.dump(asked, file)
    end(code)
os._exit = finish
threading.setprofile(profile)
sys.setprofile(profile)
"""

_KINDS = {
    "receive": "recv recv_into recvfrom recvmsg read",
    "send": "send sendto sendmsg",
    "wait": "poll select epoll_wait epoll_pwait epoll_pwait2",
    "watch": "register modify unregister epoll_ctl",
    "write": "write writev pwrite64",
    "memory": "brk mmap mremap munmap mprotect madvise",
}
_CHANCE = ("futex", "getpid")
_KIND = {name: kind for kind, names in _KINDS.items() for name in names.split()}


def traced(code: str, arguments: Sequence[str], out: Path) -> Counter[str]:
    """Run Python code under strace; return its system calls by kind, but not its children's.

    Without ``futex``, as that depends on how threads happen to meet, and without ``getpid``,
    with which asyncio up to Python 3.11 makes sure that it has not been forked.
    """
    command = [STRACE or "strace", "-f", "-qq", "-o", str(out), sys.executable, "-c", code]
    subprocess.run([*command, *arguments], check=True)
    with out.open() as file:
        calls = [(match[1], match[2]) for match in map(_CALL.match, file) if match]
    main = calls[0][0]
    children = {pid for pid, name in calls if name == "execve"} - {main}
    ours = (name for pid, name in calls if pid not in children and name not in _CHANCE)
    return Counter(_KIND.get(name, "other") for name in ours)


def profiled(code: str, arguments: Sequence[str], out: Path) -> Counter[str]:
    """Run Python code under a profiler; return what its event loop asks of the system by kind.

    For machines without strace. What C does by itself it does not see, files not at all.
    """
    command = [sys.executable, "-c", _PROFILED + code, *arguments, str(out)]
    subprocess.run(command, check=True)
    found: Counter[str] = Counter()
    for name, count in json.loads(out.read_text()).items():
        if name in _KIND:
            found[_KIND[name]] += count
    return found
