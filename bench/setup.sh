#!/usr/bin/env bash
# Installs optional peers into ./peers and builds the limits. `npm run bench` needs none of it.
#   ./setup.sh [bufferutil|uws|eiows|socketioxide ...]     all of them by default
set -euo pipefail
cd "$(dirname "$0")"

SOCKETIO=socket.io@4.8.4
UWS=@trufflesuite/uws-js-unofficial@20.30.0-unofficial.0
EIOWS=eiows@9.2.0

peer() { # folder, packages...
  local dir="peers/$1"
  shift
  mkdir -p "$dir"
  [ -f "$dir/package.json" ] || printf '{"private":true}\n' > "$dir/package.json"
  npm --prefix "$dir" install --no-audit --no-fund --ignore-scripts "$SOCKETIO" "$@"
}

for what in ${*:-bufferutil uws eiows socketioxide}; do
  case "$what" in
    socketioxide) cargo build --release --locked --manifest-path limits/socketioxide/Cargo.toml ;;
    bufferutil) peer bufferutil bufferutil utf-8-validate ;;
    uws) peer uws "$UWS" ;;
    eiows)
      # Its own install step clones Node's sources, only to reach into TLS sockets. Plain HTTP
      # needs none of that, so a stub header stands in and Node's public headers do.
      peer eiows "$EIOWS"
      pkg=peers/eiows/node_modules/eiows
      mkdir -p "$pkg/nodejs/src/node/src/crypto"
      cp stubs/crypto_tls.h "$pkg/nodejs/src/node/src/crypto/"
      gyp="$(npm root -g)/npm/node_modules/node-gyp/bin/node-gyp.js"
      nodedir="$(dirname "$(dirname "$(readlink -f "$(command -v node)")")")"
      (cd "$pkg" && node "$gyp" rebuild --nodedir="$nodedir")
      ;;
    *) echo "unknown: $what" >&2; exit 2 ;;
  esac
done
