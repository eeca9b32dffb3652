#!/usr/bin/env bash
# Serves dist/ on $HOST:$PORT. With the argument `check`: only says whether that is possible.
. "$(dirname "$0")/common.sh"
HOST=${HOST:-127.0.0.1} PORT=${PORT:-8080}
need python3 "install Python 3.11 or newer from https://python.org"
case $PORT in
    *[!0-9]* | '') die "PORT=$PORT is not a number: use for example «make serve PORT=8081»." ;;
esac
[ "$PORT" -ge 1 ] && [ "$PORT" -le 65535 ] || die "PORT=$PORT is no port: use one from 1 to 65535, for example «make serve PORT=8081»."
python3 - "$HOST" "$PORT" <<'END' || die "port $PORT on $HOST cannot be used (see above): stop what listens there, or use another with «make serve PORT=$((PORT + 1))»."
import socket, sys
with socket.socket() as probe:
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        probe.bind((sys.argv[1], int(sys.argv[2])))
    except OSError as error:
        sys.exit(f"· {error.strerror}")
END
[ "${1:-}" = check ] && exit 0
say "Prunescope is on http://$HOST:$PORT (Ctrl+C ends it)"
exec python3 "$ROOT/scripts/serve.py" "$HOST" "$PORT" "$ROOT/dist" >/dev/null 2>&1
