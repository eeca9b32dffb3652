#!/usr/bin/env bash
# Sets up a Rust toolchain that can build for wasm32-unknown-unknown, and prints the name of the rustup toolchain to use
# (nothing if the default one suffices). Asks rustup first; if its servers cannot be reached, Debian's rustc-web and
# rust-web-src are used to build the standard library once.
. "$(dirname "$0")/common.sh"
TARGET=wasm32-unknown-unknown
LINKED=prunescope-wasm

need cargo "install Rust from https://rustup.rs"
need rustc "install Rust from https://rustup.rs"

has_target() { [ -n "$(find "$1/lib/rustlib/$TARGET/lib" -name 'libstd-*.rlib' 2>/dev/null | head -n 1)" ]; }

has_target "$(cd "$ROOT" && rustc --print sysroot)" && exit 0
if have rustup; then
    if rustup toolchain list | grep -q "^$LINKED" && has_target /usr; then
        echo "$LINKED"
        exit 0
    fi
    say "Adding the $TARGET target with rustup…"
    if (cd "$ROOT" && quietly rustup-target timeout 300 env RUSTUP_MAX_RETRIES=0 rustup target add "$TARGET" 2>/dev/null); then
        exit 0
    fi
fi

say "rustup cannot fetch $TARGET here: building its standard library from Debian's sources (2 minutes, once)…"
mend="run «rustup target add $TARGET» on a machine with a network, or install Debian's rustc-web, rust-web-src and lld"
need rustup "install Rust from https://rustup.rs"
LLD=$(apt-cache search --names-only '^lld-[0-9]+$' 2>/dev/null | awk '{print $1}' | sort -t- -k2 -n | tail -n 1 || true)
if ! have apt-get; then die "the $TARGET target is missing and cannot be installed: $mend."; fi
apt_install rustc-web rust-web-src rust-web-clippy "${LLD:-lld-22}" \
    || apt_install rustc-web rust-web-src rust-web-clippy lld-22 \
    || die "Debian's rustc-web, rust-web-src and lld could not be installed: $mend."

[ -x /usr/bin/rustc ] || die "rustc-web installed no /usr/bin/rustc: $mend."
build=$(mktemp -d)
trap 'rm -rf "$build"' EXIT
mkdir -p "$build/src"
printf '[package]\nname = "standard_library"\nversion = "0.0.0"\nedition = "2021"\n' >"$build/Cargo.toml"
: >"$build/src/lib.rs"
# Embedded bitcode lets a later link-time optimisation read these libraries.
(cd "$build" && quietly build-std env -u RUSTUP_TOOLCHAIN -u RUSTC_WORKSPACE_WRAPPER -u CLIPPY_ARGS RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1 RUSTFLAGS="-C embed-bitcode=yes" \
    CARGO_TARGET_DIR="$build/target" cargo build --release -Zbuild-std=std,panic_abort --target "$TARGET") \
    || die "the standard library for $TARGET did not build: $mend."

as_root=()
[ -w /usr/lib/rustlib ] || as_root=(sudo -n)
rm -f "$build/target/$TARGET/release/deps/"libstandard_library-*
"${as_root[@]}" rm -rf "/usr/lib/rustlib/$TARGET/lib"
"${as_root[@]}" mkdir -p "/usr/lib/rustlib/$TARGET/lib"
"${as_root[@]}" cp "$build/target/$TARGET/release/deps/"*.rlib "/usr/lib/rustlib/$TARGET/lib/"
linker=$(ls /usr/bin/lld-[0-9]* 2>/dev/null | sort -t- -k2 -n | tail -n 1 || true)
[ -n "$linker" ] || die "no lld was found under /usr/bin: $mend."
host=$(/usr/bin/rustc -vV | sed -n 's/^host: //p')
"${as_root[@]}" mkdir -p "/usr/lib/rustlib/$host/bin"
"${as_root[@]}" ln -sf "$linker" "/usr/lib/rustlib/$host/bin/rust-lld"
quietly rustup-link rustup toolchain link "$LINKED" /usr || die "rustup could not link the toolchain $LINKED."
# Everything built for the target with another standard library is stale now.
rm -rf "$ROOT/target/$TARGET"
echo "$LINKED"
