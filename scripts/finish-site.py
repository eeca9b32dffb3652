#!/usr/bin/env python3
"""Finishes the site that Trunk has built, run by Trunk after a build.

* The engines move into a folder that is named after their content, and the page learns its name: no two versions ever mix.
* The page's Content-Security-Policy gets the checksum of its inline script. index.html is the one place where the policy is written;
  from there it goes into public/opening.js and into the headers.
* The gallery is written: every experiment and chapter with its picture (gallery.py).
* The recorded runs are compressed, since not every host compresses what it sends.
* `_headers` tells hosts that read such a file (Netlify, Cloudflare Pages) what to send; scripts/serve.py sends the same.
"""
import base64
import gzip
import hashlib
import json
import os
import pathlib
import re

import gallery

ENGINES = ["worker", "worker_webgpu"]
# For every file: pages and their workers may share memory between threads, in frames by Document-Isolation-Policy; and pages of other sites
# may show this one in a frame, even a sandboxed one, all of whose requests come from another origin.
HEADERS = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Document-Isolation-Policy": "isolate-and-require-corp",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Access-Control-Allow-Origin": "*",
}
POLICY = re.compile(r'(<meta http-equiv="Content-Security-Policy" content=")(default-src[^"]*)(")')


def without_comments(script: str) -> str:
    """A script of this project's without the lines that hold nothing but a comment."""
    return re.sub(r"^\s*(//|/\*\*|\* |\*/).*\n", "", script, flags=re.MULTILINE)


def replaced(text: str, old: str, new: str) -> str:
    """The text with the one place of `old` filled."""
    assert text.count(old) == 1, f"index.html has {text.count(old)} places for {old}"
    return text.replace(old, new)


def move_engines(site: pathlib.Path, start: str) -> str:
    """Puts each engine's script and program into one folder; its name."""
    files = {}
    for engine in ENGINES:
        script, program = site / f"{engine}.js", site / f"{engine}_bg.wasm"
        files[program.name] = program.read_bytes()
        files[script.name] = f"{script.read_text()}\nconst PROGRAM_BYTES = {len(files[program.name])};\n{start}".encode()
        script.unlink()
        program.unlink()
    sums = [hashlib.sha256(files[name]).hexdigest() for name in sorted(files)]
    folder = "engine-" + hashlib.sha256(" ".join(sums).encode()).hexdigest()[:16]
    (site / folder).mkdir()
    for name, content in files.items():
        (site / folder / name).write_bytes(content)
    return folder


def with_policy(page: str) -> tuple[str, str]:
    """The page with its policy complete, and the policy."""
    # The inline scripts after the policy; those before it are not subject to it.
    scripts = re.findall(r"<script(?![^>]*\ssrc=)[^>]*>(.*?)</script>", page[POLICY.search(page).end():], re.DOTALL)
    assert len(scripts) == 1, f"index.html has {len(scripts)} inline scripts behind its policy"
    checksum = base64.b64encode(hashlib.sha256(scripts[0].encode()).digest()).decode()
    page = replaced(page, "INLINE-SCRIPTS", f"'sha256-{checksum}'")
    policy = POLICY.search(page)[2]
    return replaced(page, '"POLICY"', json.dumps(policy)), policy


def headers(site: pathlib.Path, folder: str, policy: str) -> str:
    """What hosts are to send, in the form that Netlify and Cloudflare Pages read."""
    rules = {"/*": HEADERS}
    # The page contains its policy. (As a header it would keep WebKit from opening the page in a sandboxed frame.)
    forever = {"Cache-Control": "public, max-age=31536000, immutable"}
    rules[f"/{folder}/*"] = {"Content-Security-Policy": policy, **forever}
    for file in sorted(site.iterdir()):
        # Trunk writes checksums without leading zeros.
        if re.search(r"-[0-9a-f]{8,16}(_bg)?\.(js|wasm|css|svg)$", file.name):
            rules[f"/{file.name}"] = forever
    return "".join(f"{path}\n" + "".join(f"  {name}: {value}\n" for name, value in sent.items()) for path, sent in rules.items())


def join_messages(site: pathlib.Path) -> None:
    """Joins each translation's messages into one file; the English ones are in the program."""
    for language in sorted((site / "texts").glob("*/")):
        messages = sorted(language.glob("*.ftl"))
        if language.name != "en":
            (site / f"texts/{language.name}.ftl").write_text("\n".join(file.read_text() for file in messages))
        for file in messages:
            file.unlink()


def compress_traces(site: pathlib.Path) -> None:
    """Writes each recorded run compressed in place of the plain one, always to the same bytes."""
    for trace in sorted((site / "traces").glob("*.json")):
        trace.with_name(f"{trace.name}.gz").write_bytes(gzip.compress(trace.read_bytes(), 9, mtime=0))
        trace.unlink()


def main() -> None:
    site = pathlib.Path(os.environ["TRUNK_STAGING_DIR"])
    source = pathlib.Path(os.environ["TRUNK_SOURCE_DIR"])
    compress_traces(site)
    join_messages(site)
    gallery.write(site, source, os.environ.get("SITE_ADDRESS", ""))
    folder = move_engines(site, without_comments((source / "crates/worker/src/start.js").read_text()))
    opening = (source / "public/opening.js").read_text()
    page = replaced((site / "index.html").read_text(), opening, without_comments(opening))
    page, policy = with_policy(page)
    (site / "index.html").write_text(replaced(page, "ENGINE-FOLDER", folder))
    (site / "_headers").write_text(headers(site, folder, policy))


if __name__ == "__main__":
    main()
