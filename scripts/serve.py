#!/usr/bin/env python3
"""Serves a built site with the headers of its `_headers` file: serve.py HOST PORT FOLDER."""
import fnmatch
import functools
import http.server
import pathlib
import sys
import urllib.parse


def rules(text: str) -> list[tuple[str, list[tuple[str, str]]]]:
    """The headers by the pattern of the paths that they are for. Source: Netlify and Cloudflare Pages, "_headers"."""
    found = []
    for line in text.splitlines():
        if line.startswith("/"):
            found.append((line.strip(), []))
        elif line.strip():
            name, _, value = line.partition(":")
            found[-1][1].append((name.strip(), value.strip()))
    return found


class Handler(http.server.SimpleHTTPRequestHandler):
    extensions_map = {**http.server.SimpleHTTPRequestHandler.extensions_map, "": "text/plain", ".js": "text/javascript", ".wasm": "application/wasm"}

    def end_headers(self) -> None:
        file = pathlib.Path(self.directory, "_headers")
        path = urllib.parse.urlsplit(self.path).path
        # Read again for each answer, since a build may have changed it.
        for pattern, headers in rules(file.read_text()) if file.exists() else []:
            if fnmatch.fnmatchcase(path, pattern):
                for name, value in headers:
                    self.send_header(name, value)
        super().end_headers()

    def log_message(self, format: str, *values: object) -> None:
        pass


if __name__ == "__main__":
    host, port, folder = sys.argv[1:]
    http.server.ThreadingHTTPServer((host, int(port)), functools.partial(Handler, directory=folder)).serve_forever()
