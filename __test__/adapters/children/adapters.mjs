// The adapters between processes, as their documentation sets them up.
import { createRequire } from "node:module";
import { createClient } from "redis";
import { until } from "../../support/wait.mjs";

const require = createRequire(import.meta.url);
const { createAdapter, createShardedAdapter } = require("@socket.io/redis-adapter");
const streams = require("@socket.io/redis-streams-adapter");
const postgres = require("@socket.io/postgres-adapter");
const cluster = require("@socket.io/cluster-adapter");
const { Pool } = require("pg");
const { ClusterAdapterWithHeartbeat } = require("socket.io-adapter");

/**
 * By name: `async (port) => { adapter, settle }`, with the port of Redis or PostgreSQL. `adapter`
 * is the option of the server; `settle(namespace)` resolves once it hears what others say, and, for
 * adapters that keep count of servers, once both know each other.
 */
export const ADAPTERS = {
  async "socket.io-redis"(port) {
    const redis = require("socket.io-redis");
    const pong = (client) => new Promise((resolve) => client.ping(resolve));
    const settle = ({ adapter }) => pong(adapter.subClient);
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

  // its option streamCount is left alone: namespaces with a negative hash then go unheard
  async "@socket.io/redis-streams-adapter"(port) {
    // the connection that reads the stream inherits the name
    const name = `node-${process.pid}`;
    const client = createClient({ url: `redis://127.0.0.1:${port}`, name });
    await client.connect();
    const reads = (one) => one.name === name && one.cmd === "xread";
    const adapter = streams.createAdapter(client);
    await until(async () => (await client.clientList()).some(reads), "the stream is read");
    // from its first entry on it is read without gaps
    await client.xAdd("socket.io", "*", { first: name });
    return { adapter, settle: acquainted };
  },

  "@socket.io/postgres-adapter": (port) => overPostgres(port, {}),

  "@socket.io/postgres-adapter, all by the table": (port) =>
    overPostgres(port, { payloadThreshold: 0, channelPrefix: "table" }),

  async "@socket.io/cluster-adapter"() {
    return { adapter: cluster.createAdapter(PATIENT), settle: acquainted };
  },

  async ClusterAdapterWithHeartbeat(port) {
    const { pub, sub } = await clients(port);
    const adapter = function (nsp) {
      return new OverRedis(nsp, pub, sub);
    };
    const settle = async (namespace) => {
      await sub.ping();
      await acquainted(namespace);
    };
    return { adapter, settle };
  },
};

// a busy machine does not make a server count as gone
const PATIENT = { heartbeatInterval: 1000, heartbeatTimeout: 60_000 };

/** Both servers know each other, so that each hears the other. */
const acquainted = ({ adapter, name }) =>
  until(async () => (await adapter.serverCount()) >= 2, `two servers in ${name}`);

async function overPostgres(port, options) {
  // one connection that listens and one that speaks: over several, messages overtake each other
  const pool = new Pool({ host: "127.0.0.1", port, user: "postgres", max: 2 });
  // both servers ask for it, and "if not exists" does not hold between transactions
  await pool.query(`
    BEGIN;
    SELECT pg_advisory_xact_lock(1);
    CREATE TABLE IF NOT EXISTS socket_io_attachments (
      id bigserial UNIQUE, created_at timestamptz DEFAULT NOW(), payload bytea
    );
    COMMIT;
  `);
  const adapter = postgres.createAdapter(pool, { ...PATIENT, ...options });
  return { adapter, settle: acquainted };
}

/** The two connections that the adapters ask for. */
async function clients(port) {
  const pub = createClient({ url: `redis://127.0.0.1:${port}` });
  const sub = pub.duplicate();
  await Promise.all([pub.connect(), sub.connect()]);
  return { pub, sub };
}

/** An adapter as others may write it on the base class: messages as JSON, bytes as Base64. */
class OverRedis extends ClusterAdapterWithHeartbeat {
  constructor(nsp, pub, sub) {
    super(nsp, PATIENT);
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
