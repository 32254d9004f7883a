#!/usr/bin/env bash
# Installs optional peers into ./peers and builds the limits. `npm run bench` needs none of it, and
# shows each of them that is there.
#   ./setup.sh [bufferutil|uws|bun|eiows|socketioxide ...]     all of them by default
set -euo pipefail
cd "$(dirname "$0")"

SOCKETIO=socket.io@4.8.4
# uWebSockets.js is not on npm: its documentation names a tag of its repository.
UWS=uNetworking/uWebSockets.js#v20.52.0
# A copy of an older tag that npm has, for machines that do not reach the repository.
UWS_COPY=npm:@trufflesuite/uws-js-unofficial@20.30.0-unofficial.0
BUN=bun@1.4.5
BUN_ENGINE=@socket.io/bun-engine@0.1.2
EIOWS=eiows@9.2.0

peer() { # folder, packages...
  local dir="peers/$1"
  shift
  mkdir -p "$dir"
  [ -f "$dir/package.json" ] || printf '{"private":true}\n' > "$dir/package.json"
  npm --prefix "$dir" install --no-audit --no-fund --ignore-scripts "$SOCKETIO" "$@"
}

for what in ${*:-bufferutil uws bun eiows socketioxide}; do
  case "$what" in
    socketioxide) cargo build --release --locked --manifest-path limits/socketioxide/Cargo.toml ;;
    bufferutil) peer bufferutil bufferutil utf-8-validate ;;
    uws)
      peer uws "uWebSockets.js@$UWS" || {
        echo "The tag is out of reach: npm's copy of an older one is installed instead." >&2
        peer uws "uWebSockets.js@$UWS_COPY"
      }
      ;;
    bun)
      peer bun "$BUN" "$BUN_ENGINE"
      (cd peers/bun/node_modules/bun && node install.js) # puts the program in its place
      ;;
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
