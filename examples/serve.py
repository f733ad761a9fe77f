"""Serve the example site on loopback, and crawl it with the command given.

python examples/serve.py                 # serve until Ctrl-C
python examples/serve.py crawler crawl   # serve, run the command with its URL added, and end
"""

import subprocess
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

SITE = Path(__file__).parent / "site"


class Handler(SimpleHTTPRequestHandler):
    """Static files, one redirect, and no log."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer; ``/old.html`` has moved."""
        if self.path == "/old.html":
            self.send_response(301)
            self.send_header("Location", "/about.html")
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            super().do_GET()

    def log_message(self, *args: Any) -> None:
        """Say nothing: stdout and stderr belong to the crawler."""


def main() -> int:
    """Serve; with arguments, run them with the site's URL added."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(SITE)))
    url = f"http://127.0.0.1:{server.server_port}/"
    command = sys.argv[1:]
    if not command:
        print(f"serving {url} (Ctrl-C ends)")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return 0
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"$ {' '.join(command)} {url}", file=sys.stderr)
    code = subprocess.run([*command, url], check=False).returncode
    server.shutdown()
    return code


if __name__ == "__main__":
    sys.exit(main())
