# Shared by the scripts: where tools are installed, and how failures are reported.
# Source it; it changes only shell options, PATH and variables.
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
TOOLS=$ROOT/.tools
export PATH="$TOOLS/bin:$PATH"

say() { printf '· %s\n' "$*" >&2; }

# Prints one sentence with the remedy, and exits with an error.
die() { printf 'prunescope: %s\n' "$*" >&2; exit 1; }

have() { command -v "$1" >/dev/null 2>&1; }

# The browser of the tests; empty if there is none.
find_chromium() { printf '%s' "${CHROMIUM:-$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)}"; }

# The description of lavapipe, Mesa's software driver for Vulkan; empty if it is not installed.
find_lavapipe() { compgen -G "/usr/share/vulkan/icd.d/lvp_icd*.json" | head -n 1 || true; }

# need TOOL HOW-TO-GET-IT
need() { have "$1" || die "«$1» is missing: $2, then run make again."; }

# quietly LOG-NAME COMMAND…: runs a command; its output goes to a log that is shown only if the command fails.
quietly() {
    local log=$TOOLS/log/$1.log
    shift
    mkdir -p "$TOOLS/log"
    "$@" >"$log" 2>&1 || { tail -n 25 "$log" >&2; return 1; }
}

# The version of a crate in Cargo.lock.
locked_version() {
    awk -v name="$1" '$1 == "name" { found = ($3 == "\"" name "\"") } found && $1 == "version" { gsub(/"/, "", $3); print $3; exit }' "$ROOT/Cargo.lock"
}

# Installs Debian packages, if apt and the rights to use it are available.
apt_install() {
    have apt-get || return 1
    local as_root=()
    if [ "$(id -u)" != 0 ]; then
        have sudo || return 1
        as_root=(sudo -n)
    fi
    quietly apt-update "${as_root[@]}" apt-get update || return 1
    quietly "apt-install" "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"
}
