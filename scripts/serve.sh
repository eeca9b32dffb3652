#!/usr/bin/env bash
# Builds and serves the page on $HOST:$PORT, and builds anew when a file changes.
. "$(dirname "$0")/common.sh"
HOST=${HOST:-127.0.0.1} PORT=${PORT:-8080}
case $PORT in *[!0-9]* | '') die "PORT=$PORT is not a number: use for example «make serve PORT=8081»." ;; esac
if (exec 3<>"/dev/tcp/$HOST/$PORT") 2>/dev/null; then
    die "port $PORT on $HOST is in use: stop what listens there, or use another with «make serve PORT=$((PORT + 1))»."
fi
say "Building, then serving on http://$HOST:$PORT (the first build takes 10 to 20 minutes)…"
exec "$ROOT/scripts/with-wasm.sh" trunk serve --address "$HOST" --port "$PORT"
