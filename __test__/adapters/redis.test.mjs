// Two server processes over a real Redis: every adapter, set in every way.
import { redisTest } from "../support/redis.mjs";
import { behave, CONNECTED_BY } from "./behaviours.mjs";
import { startNode } from "./cluster.mjs";

for (const [kind, has] of Object.entries(CONNECTED_BY)) {
  redisTest(`two servers, ${kind}`, async (t, redis) => {
    const nodes = await Promise.all([
      startNode(t, "near", { kind, redis }),
      startNode(t, "far", { kind, redis, when: "later" }),
    ]);
    await behave(t, nodes, has);
  });
}
