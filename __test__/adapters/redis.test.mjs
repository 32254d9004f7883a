// Two server processes over a real Redis: every adapter, set in every way.
import { redisTest } from "../support/redis.mjs";
import { behave, OVER_REDIS } from "./behaviours.mjs";
import { startNode } from "./cluster.mjs";

for (const [kind, has] of Object.entries(OVER_REDIS)) {
  redisTest(`two servers, ${kind}`, async (t, store) => {
    const nodes = await Promise.all([
      startNode(t, "near", { kind, store }),
      startNode(t, "far", { kind, store, when: "later" }),
    ]);
    await behave(t, nodes, has);
  });
}
