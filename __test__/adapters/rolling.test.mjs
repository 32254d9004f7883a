// While an application moves from one package to the other, server by server: one server of each.
import { redisBeyond } from "../support/redis.mjs";
import { behave, CONNECTED_BY } from "./behaviours.mjs";
import { startNode } from "./cluster.mjs";

for (const [kind, has] of Object.entries(CONNECTED_BY)) {
  for (const [near, far] of [
    ["ours", "upstream's"],
    ["upstream's", "ours"],
  ]) {
    redisBeyond(`this server ${near}, the other ${far}, ${kind}`, async (t, redis) => {
      const start = (name, whose) =>
        startNode(t, name, { kind, redis, oracle: whose === "upstream's" });
      const nodes = await Promise.all([start("near", near), start("far", far)]);
      await behave(t, nodes, has);
    });
  }
}
