#!/usr/bin/env bash
# Writes THIRD-PARTY.md: every crate, by licence.
. "$(dirname "$0")/common.sh"
have cargo-deny || die "cargo-deny is missing: run make audit, which installs it."
cd "$ROOT"
{
    printf '# Licences of what Prunescope builds on\n\nWritten by `make licences`. A crate that may be used under several licences stands under each.\n'
    printf 'The tests also use the npm packages playwright-core (Apache-2.0), axe-core (MPL-2.0), ws (MIT), ajv (MIT) and @wllama/wllama (MIT).\n'
    cargo deny --workspace --all-features list -l license -f human | sed -E 's/^([^:]+) \(([0-9]+)\): /\n## \1 (\2)\n\n/' | fold -s -w 140 | sed 's/ $//'
} > THIRD-PARTY.md
