#!/usr/bin/env bash
# Runs a command on a software GPU: Mesa's lavapipe, or Chromium's SwiftShader, which is many times slower. Without either (other
# systems) it runs on the machine's own driver.
. "$(dirname "$0")/common.sh"
driver=$(find_lavapipe)
if [ -z "$driver" ]; then
    browser=$(find_chromium)
    for folder in "$(dirname "$(readlink -f "${browser:-/}")")" /usr/lib/chromium; do
        if [ -e "$folder/vk_swiftshader_icd.json" ]; then
            driver=$folder/vk_swiftshader_icd.json
            export LD_LIBRARY_PATH=$folder${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
            break
        fi
    done
fi
[ -z "$driver" ] || export VK_ICD_FILENAMES=$driver VK_DRIVER_FILES=$driver
cd "$ROOT"
exec "$@"
