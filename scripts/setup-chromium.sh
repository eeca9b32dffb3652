#!/usr/bin/env bash
# Installs Chromium and the npm test libraries that the page's tests need: setup-chromium.sh [FURTHER-NPM-FOLDER…]
. "$(dirname "$0")/common.sh"
need node "install Node.js 20 or newer from https://nodejs.org"
need npm "install Node.js 20 or newer from https://nodejs.org"
browser=$(find_chromium)
if [ -z "$browser" ]; then
    say "Installing Chromium…"
    apt_install chromium fonts-dejavu-core || die "Chromium is missing and could not be installed: install it, or give its path as «make test CHROMIUM=/path/to/chrome»."
elif [ ! -x "$browser" ]; then
    die "CHROMIUM=$browser is no program: give the path of a Chromium or Chrome."
fi
for folder in tests/e2e "$@"; do
    cd "$ROOT/$folder"
    if ! [ node_modules/.package-lock.json -nt package-lock.json ]; then
        say "Installing the libraries of $folder…"
        quietly npm-tests npm ci --ignore-scripts --no-audit --no-fund || die "the libraries of $folder could not be installed with npm: check the network connection and run make again."
        touch node_modules/.package-lock.json
    fi
done
