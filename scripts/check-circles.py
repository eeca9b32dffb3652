#!/usr/bin/env python3
"""Fails where modules of a crate use each other in a circle. A module and those inside it may name each other; tests may name anything."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent


def modules() -> dict[str, dict[str, pathlib.Path]]:
    """The files of each crate by their modules' paths."""
    found = {}
    for folder in [ROOT, *sorted((ROOT / "crates").iterdir())]:
        files = {}
        for file in sorted((folder / "src").rglob("*.rs")):
            path = file.relative_to(folder / "src").with_suffix("").as_posix()
            path = re.sub(r"(^|/)(mod|lib|main)$", "", path)
            files[path.replace("/", "::")] = file
        found[folder.name] = files
    return found


def used(module: str, file: pathlib.Path, known: dict[str, pathlib.Path]) -> set[str]:
    """The modules of the same crate that a module names, but for those around it and inside it."""
    text = file.read_text().split("#[cfg(test)]\nmod ")[0]
    text = re.sub(r"//.*", "", text)
    names = set()
    for path in re.findall(r"\b((?:crate|super|self)(?:::\w+)*(?:::\{[^}]*\})?)", text):
        group = re.match(r"(.*)::\{([^}]*)\}", path, re.DOTALL)
        for one in [f"{group[1]}::{item.strip()}" for item in group[2].split(",")] if group else [path]:
            parts = one.split(" as ")[0].split("::")
            base = [] if parts[0] == "crate" else module.split("::")
            while parts[0] in ("crate", "super", "self"):
                if parts[0] == "super":
                    base = base[:-1]
                parts = parts[1:]
                if not parts:
                    break
            parts = base + parts
            while parts and "::".join(parts) not in known:
                parts = parts[:-1]
            name = "::".join(parts)
            if name and name != module and not name.startswith(f"{module}::") and not module.startswith(f"{name}::"):
                names.add(name)
    return names


def circle(graph: dict[str, set[str]]) -> list[str]:
    """One circle of modules; empty where there is none."""
    done, path = set(), []

    def visit(module: str) -> list[str]:
        if module in path:
            return path[path.index(module):]
        if module in done:
            return []
        path.append(module)
        for other in sorted(graph[module]):
            if found := visit(other):
                return found
        path.pop()
        done.add(module)
        return []

    for module in sorted(graph):
        if found := visit(module):
            return found
    return []


for crate, known in modules().items():
    graph = {module: used(module, file, known) for module, file in known.items()}
    if found := circle(graph):
        sys.exit(f"prunescope: modules of {crate} use each other in a circle: {' → '.join(found + found[:1])}. Move what both need into a third.")
print("· No modules use each other in a circle.", file=sys.stderr)
