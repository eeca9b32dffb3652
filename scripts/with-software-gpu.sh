#!/usr/bin/env bash
# Runs a command with Chromium's software adapter as the Vulkan driver, so that GPU programs run where there is no GPU;
# where Chromium has none (other systems), with the machine's own driver.
. "$(dirname "$0")/common.sh"
browser=$(find_chromium)
for folder in "$(dirname "$(readlink -f "${browser:-/}")")" /usr/lib/chromium; do
    if [ -e "$folder/vk_swiftshader_icd.json" ]; then
        export VK_ICD_FILENAMES=$folder/vk_swiftshader_icd.json VK_DRIVER_FILES=$folder/vk_swiftshader_icd.json
        export LD_LIBRARY_PATH=$folder${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
        break
    fi
done
cd "$ROOT"
exec "$@"
