// Wrong values by option. `upstream` is what socket.io does with each: it "throws" at construction, it
// "crashes" (an exception or a rejection that nobody catches) at the first use, or "later", with a
// timer of a minute.
const symbol = Symbol("s");
const bare = Object.create(null);
const thrower = {
  valueOf() {
    throw new TypeError("not today");
  },
  toString() {
    throw new TypeError("not today");
  },
};
class Wrong {}

const MS = "a number of milliseconds from 1 to 2147483647";
const PATH = 'a string that begins with "/"';
const ADAPTER = "a class, or a function that can be called with new";
const PARSER = "an object with the constructors Encoder and Decoder";
const TRANSPORTS = 'an array of "polling", "websocket" or "webtransport"';
const TEXT = "a string, a Buffer or another binary value";

/** Values that become no number, with the way it is shown. */
const NO_NUMBERS = [
  [symbol, "Symbol(s)"],
  [5n, "5n"],
  [thrower, "an object"],
  [bare, "an object"],
];

const rows = (upstream, option, takes, values, rest) =>
  values.map(([value, got]) => ({ upstream, option, takes, value, got, ...rest }));

/** `{ upstream, option, value, takes, got, name, extra }`: the option and the sentence of its error. */
export const REFUSED = [
  ...rows("throws", "path", PATH, [
    [5, "5"],
    [true, "true"],
    [["/x"], "an array"],
    [/x/, "an instance of RegExp"],
    [bare, "an object"],
  ]),
  ...rows("throws", "adapter", ADAPTER, [
    ["redis", '"redis"'],
    [() => ({}), "a function"],
    [{}, "an object"],
  ]),
  ...rows("throws", "adapter", "a class whose instances have a method init()", [
    [Wrong, "an instance of Wrong"],
  ]),
  ...rows("throws", "parser", PARSER, [
    ["json", '"json"'],
    [{}, "an object"],
    [{ Encoder: () => {}, Decoder: Wrong }, "an object"],
  ]),
  ...rows("crashes", "parser", PARSER, [[{ Encoder: Wrong }, "an object"]]),
  ...rows("throws", "transports", TRANSPORTS, [
    [5, "5"],
    [null, "null"],
    [undefined, "undefined"],
    [{ polling: true }, "an object"],
    [new Set(["polling"]), "an instance of Set"],
  ]),
  ...rows("throws", "wsEngine", "a class of WebSocket servers", [
    ["ws", '"ws"'],
    [undefined, "undefined"],
    [() => {}, "a function"],
  ]),
  ...rows("crashes", "connectTimeout", MS, NO_NUMBERS),
  ...rows("crashes", "pingInterval", MS, NO_NUMBERS),
  ...rows("crashes", "pingTimeout", MS, NO_NUMBERS, { extra: { pingInterval: 10 } }),
  ...rows("crashes", "upgradeTimeout", MS, NO_NUMBERS),
  ...rows("crashes", "destroyUpgradeTimeout", MS, NO_NUMBERS),
  ...rows("crashes", "maxHttpBufferSize", "a number of bytes from 1", NO_NUMBERS),
  ...rows("crashes", "maxBufferedChunks", "a number of chunks from 1", NO_NUMBERS),
  ...rows("crashes", "httpRequestBodyTimeout", MS, NO_NUMBERS),
  ...rows("crashes", "initialPacket", TEXT, [
    [symbol, "Symbol(s)"],
    [thrower, "an object"],
    [bare, "an object"],
  ]),
  ...rows("crashes", "allowRequest", "a function (request, callback)", [
    ["yes", '"yes"'],
    [true, "true"],
    [{}, "an object"],
    [[Wrong], "an array"],
  ]),
  ...rows("later", "connectionStateRecovery.maxDisconnectionDuration", "a number of milliseconds", [
    ...NO_NUMBERS,
  ]),
  ...rows("crashes", "cookie.name", "a name that a cookie can have", [
    ["a b", '"a b"'],
    ["", '""'],
    [symbol, "Symbol(s)"],
  ]),
  ...rows("crashes", "cookie.encode", "a function that gives the value of a cookie", [
    ["base64", '"base64"'],
  ]),
  ...rows("crashes", "cookie.maxAge", "a number of seconds", [
    ["soon", '"soon"'],
    [5n, "5n"],
  ]),
  ...rows("crashes", "cookie.domain", "a domain name", [["a;b", '"a;b"']]),
  ...rows("crashes", "cookie.path", "a path without control characters and semicolons", [
    ["/a;b", '"/a;b"'],
  ]),
  ...rows("crashes", "cookie.expires", "a valid Date", [["tomorrow", '"tomorrow"']]),
  ...rows("crashes", "cookie.priority", '"low", "medium" or "high"', [["urgent", '"urgent"']]),
  ...rows("crashes", "cookie.sameSite", '"lax", "strict", "none" or a boolean', [
    ["very", '"very"'],
  ]),
  ...rows("crashes", "httpCompression.threshold", "a number of bytes", [[symbol, "Symbol(s)"]]),
  ...rows("crashes", "httpCompression.level", "an integer from -1 to 9", [["6", '"6"']]),
  ...rows("crashes", "httpCompression.level", "an integer from -1 to 9", [[99, "99"]], {
    name: "RangeError",
  }),
  ...rows("crashes", "httpCompression.windowBits", "an integer from 9 to 15", [[99, "99"]], {
    name: "RangeError",
  }),
  ...rows("crashes", "httpCompression.memLevel", "an integer from 1 to 9", [[0, "0"]], {
    name: "RangeError",
  }),
  ...rows("crashes", "httpCompression.chunkSize", "an integer from 64", [[1, "1"]], {
    name: "RangeError",
  }),
  ...rows("crashes", "httpCompression.dictionary", "a Buffer or another binary value", [
    ["words", '"words"'],
  ]),
];

/** `[option, value, sentence]`: served by both, with a warning here. */
export const WARNED = [
  ["path", "x", `must be ${PATH}, got "x": no URL begins with it`],
  ["serveClient", "false", 'must be a boolean, got "false": it counts as true'],
  ["serveClient", 0, "must be a boolean, got 0: it counts as true"],
  ["connectTimeout", "soon", `must be ${MS}, got "soon": 1 ms counts`],
  ["connectionStateRecovery", "yes", 'must be an object of options, got "yes": it counts as true'],
  [
    "connectionStateRecovery.maxDisconnectionDuration",
    "long",
    'must be a number of milliseconds, got "long": sessions are kept without end',
  ],
  [
    "connectionStateRecovery.skipMiddlewares",
    "no",
    'must be a boolean, got "no": it counts as true',
  ],
  ["cleanupEmptyChildNamespaces", "no", 'must be a boolean, got "no": it counts as true'],
  ["addTrailingSlash", "no", 'must be a boolean, got "no": it counts as true'],
  ["destroyUpgrade", {}, "must be a boolean, got an object: it counts as true"],
  ["destroyUpgradeTimeout", -5, `must be ${MS}, got -5: 1 ms counts`],
  ["pingInterval", undefined, `must be ${MS}, got undefined: 1 ms counts`],
  ["pingTimeout", Number.POSITIVE_INFINITY, `must be ${MS}, got Infinity: 1 ms counts`],
  ["upgradeTimeout", new Wrong(), `must be ${MS}, got an instance of Wrong: 1 ms counts`],
  ["maxHttpBufferSize", "big", 'must be a number of bytes from 1, got "big": there is no limit'],
  ["maxHttpBufferSize", -1, "must be a number of bytes from 1, got -1: no request body is taken"],
  ["maxBufferedChunks", 0, "must be a number of chunks from 1, got 0: no request body is taken"],
  ["httpRequestBodyTimeout", -1, `must be ${MS}, got -1: 1 ms counts`],
  ["transports", "websocket", `must be ${TRANSPORTS}, got "websocket": websocket is enabled`],
  [
    "transports",
    ["polling", "carrier pigeon"],
    `must be ${TRANSPORTS}, got an array: there is no transport "carrier pigeon"`,
  ],
  ["allowUpgrades", "", 'must be a boolean, got "": it counts as false'],
  ["allowEIO3", "false", 'must be a boolean, got "false": it counts as true'],
  [
    "perMessageDeflate",
    "yes",
    'must be a boolean or an object of options, got "yes": it counts as true',
  ],
  [
    "perMessageDeflate.threshold",
    symbol,
    "must be a number of bytes, got Symbol(s): no message is that long",
  ],
  [
    "perMessageDeflate.serverMaxWindowBits",
    99,
    "must be an integer from 8 to 15, or a boolean, got 99: clients that offer compression cannot connect",
  ],
  ["httpCompression", 5, "must be a boolean or an object of options, got 5: it counts as true"],
  ["cookie", "io", 'must be a boolean or an object of options, got "io": it counts as true'],
  ["cors", "*", 'must be an object of options, or a function, got "*": every origin is allowed'],
  ["cors.credentials", "true", 'must be a boolean, got "true": it is off'],
  [
    "cors.methods",
    null,
    "must be a string or an array of strings, got null: preflight requests may be refused",
  ],
];

/** The options object for an option or, with a dot, a field of one. */
export function optionsOf({ option, value, extra }) {
  const [name, field] = option.split(".");
  return { [name]: field === undefined ? value : { [field]: value }, ...extra };
}
