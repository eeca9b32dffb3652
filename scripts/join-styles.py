#!/usr/bin/env python3
"""Joins the sheets in styles/ into the one that the page loads, target/style.css, run by Trunk before a build."""
import pathlib
import re
import sys

# In the order of the cascade: what comes later overrules.
SHEETS = [
    "colours",
    "base",
    "page",
    "header",
    "status",
    "controls",
    "model-picker",
    "pipeline",
    "layer-grid",
    "compression-controls",
    "texts",
    "chart-view",
    "views/views",
    "views/compare",
    "views/choice",
    "views/sweep",
    "views/weights",
    "tables",
    "story",
    "sharing",
    "gallery",
    "embedded",
    "print",
]
ROOT = pathlib.Path(__file__).resolve().parent.parent


def without_comments(sheet: str) -> str:
    """A sheet of this project's without its comments and without empty lines."""
    sheet = re.sub(r"/\*.*?\*/", "", sheet, flags=re.DOTALL)
    return "".join(f"{line.rstrip()}\n" for line in sheet.splitlines() if line.strip())


def main() -> None:
    folder = ROOT / "styles"
    files = [folder / f"{name}.css" for name in SHEETS]
    if odd := {*files} ^ {*folder.rglob("*.css")}:
        names = ", ".join(sorted(file.relative_to(ROOT).as_posix() for file in odd))
        sys.exit(f"prunescope: the list in scripts/join-styles.py and the folder styles/ differ in {names}: change one of them.")
    joined = "".join(without_comments(file.read_text(encoding="utf-8")) for file in files).encode()
    sheet = ROOT / "target" / "style.css"
    # A file that is written anew would have `trunk serve` build once more.
    if not sheet.exists() or sheet.read_bytes() != joined:
        sheet.parent.mkdir(exist_ok=True)
        sheet.write_bytes(joined)


if __name__ == "__main__":
    main()
