#!/usr/bin/env bash
# Installs what the tests of the page and of GPU kernels use: Chromium (setup-chromium.sh), and if possible Firefox, WebKitGTK's
# driver, and a software GPU (Mesa's lavapipe). What cannot be installed is reported, and the tests skip it; with NO_SKIPS set
# (continuous integration) that is an error.
. "$(dirname "$0")/common.sh"
"$ROOT/scripts/setup-chromium.sh" "$@"

# optional NAME CHECK PACKAGE…
optional() {
    local what=$1 there=$2
    shift 2
    if "$there"; then return; fi
    say "Installing $what…"
    if apt_install "$@" 2>/dev/null && "$there"; then return; fi
    [ -z "${NO_SKIPS:-}" ] || die "$what could not be installed (Debian packages: $*), and NO_SKIPS asks for every test."
    say "SKIPPED: $what is missing and could not be installed here (Debian packages: $*); its tests will not run."
}
has_firefox() { [ -n "${FIREFOX:-}" ] || have firefox-esr || have firefox || [ -x /Applications/Firefox.app/Contents/MacOS/firefox ]; }
has_webkit() { have WebKitWebDriver && have Xvfb; }
has_lavapipe() { [ -n "$(find_lavapipe)" ]; }

optional Firefox has_firefox firefox-esr
optional "WebKitGTK's driver" has_webkit webkit2gtk-driver xvfb
optional "a Vulkan driver in software" has_lavapipe mesa-vulkan-drivers libvulkan1
