#!/usr/bin/env bash
# under_x.sh PROGRAM: runs the window's tests on an X server of their own, or skips them (77) where there is none.
set -euo pipefail
command -v xvfb-run >/dev/null || { echo "there is no xvfb-run: skipped"; exit 77; }
QT_QPA_PLATFORM=xcb exec xvfb-run -a -s '-screen 0 1280x800x24' "$1" --gtest_brief=1
