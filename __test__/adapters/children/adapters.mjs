// The adapters between processes, as their documentation sets them up.
import { createRequire } from "node:module";
import { createClient } from "redis";

const require = createRequire(import.meta.url);
const { createAdapter, createShardedAdapter } = require("@socket.io/redis-adapter");
const { ClusterAdapterWithHeartbeat } = require("socket.io-adapter");

/**
 * By name: `async (port) => { adapter, settle }`. `adapter` is the option of the server;
 * `settle(namespaces)` resolves once Redis has seen every subscription that was asked for.
 */
export const ADAPTERS = {
  async "socket.io-redis"(port) {
    const redis = require("socket.io-redis");
    const pong = (client) => new Promise((resolve) => client.ping(resolve));
    const settle = (all) => Promise.all(all.map(({ adapter }) => pong(adapter.subClient)));
    return { adapter: redis({ host: "127.0.0.1", port }), settle };
  },

  async "@socket.io/redis-adapter"(port) {
    const { pub, sub } = await clients(port);
    return { adapter: createAdapter(pub, sub), settle: () => sub.ping() };
  },

  async "@socket.io/redis-adapter, sharded"(port) {
    const { pub, sub } = await clients(port);
    return { adapter: createShardedAdapter(pub, sub), settle: () => sub.ping() };
  },

  async ClusterAdapterWithHeartbeat(port) {
    const { pub, sub } = await clients(port);
    const adapter = function (nsp) {
      return new OverRedis(nsp, pub, sub);
    };
    return { adapter, settle: () => sub.ping() };
  },
};

/** The two connections that the adapters ask for. */
async function clients(port) {
  const pub = createClient({ url: `redis://127.0.0.1:${port}` });
  const sub = pub.duplicate();
  await Promise.all([pub.connect(), sub.connect()]);
  return { pub, sub };
}

/** What somebody else may write on the base class: messages as JSON, bytes as Base64. */
class OverRedis extends ClusterAdapterWithHeartbeat {
  constructor(nsp, pub, sub) {
    super(nsp, { heartbeatInterval: 1000, heartbeatTimeout: 60_000 });
    Object.assign(this, { pub, sub });
    this.channel = `cluster#${nsp.name}#`;
    sub.subscribe(this.channel, (text) => this.onMessage(fromText(text)));
    sub.subscribe(this.channel + this.uid, (text) => this.onResponse(fromText(text)));
  }

  // before the others are told: they no longer wait for the answers of this one
  async close() {
    await this.sub.unsubscribe([this.channel, this.channel + this.uid]);
    super.close();
  }

  async doPublish(message) {
    await this.pub.publish(this.channel, toText(message));
    return "";
  }

  async doPublishResponse(uid, response) {
    await this.pub.publish(this.channel + uid, toText(response));
  }
}

const toText = (value) =>
  JSON.stringify(value, (_key, one) =>
    one?.type === "Buffer" ? { base64: Buffer.from(one.data).toString("base64") } : one,
  );

const fromText = (text) =>
  JSON.parse(text, (_key, one) =>
    typeof one?.base64 === "string" ? Buffer.from(one.base64, "base64") : one,
  );
