#!/bin/sh
# Prints `export CHROMIUM=…` for the browser tests. Looks where Chromium usually is; on Debian, as root, installs it;
# elsewhere says what is missing.
for c in "${CHROMIUM:-}" chromium chromium-browser google-chrome google-chrome-stable \
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"; do
  [ -n "$c" ] || continue
  found=$(command -v "$c" 2>/dev/null) && { echo "export CHROMIUM='$found'"; exit 0; }
done
if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
  echo "installing chromium for the browser tests" >&2
  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium; } >/dev/null 2>&1
  found=$(command -v chromium 2>/dev/null) && { echo "export CHROMIUM='$found'"; exit 0; }
fi
echo "No Chromium found: the browser tests are skipped. Install Chromium or Chrome, or set CHROMIUM to its path." >&2
