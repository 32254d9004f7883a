// A real Redis for tests, in memory only.
import { spawnSync } from "node:child_process";
import { part } from "./part.mjs";

const missing = spawnSync("redis-server", ["--version"]).error
  ? "missing: Redis (no redis-server in PATH; apt-get install redis-server)"
  : false;

const redis = part(missing, (port, dir) => {
  const settings = { port, bind: "127.0.0.1", dir, save: "", appendonly: "no" };
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, `${value}`]);
  const ready = "Ready to accept connections";
  return { command: "redis-server", args, ready, taken: "Failed listening" };
});

/** A test that needs Redis: `fn(t, port)` gets the port of a server on 127.0.0.1. */
export const redisTest = redis.test;

/** The same for a promise that goes beyond upstream. */
export const redisBeyond = redis.beyond;
