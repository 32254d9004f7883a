// While an application moves from one package to the other, server by server: one server of each.
import { postgresBeyond } from "../support/postgres.mjs";
import { redisBeyond } from "../support/redis.mjs";
import { behave, OVER_POSTGRES, OVER_REDIS } from "./behaviours.mjs";
import { startNode } from "./cluster.mjs";

const adapters = [
  ...Object.entries(OVER_REDIS).map((one) => [redisBeyond, ...one]),
  ...Object.entries(OVER_POSTGRES).map((one) => [postgresBeyond, ...one]),
];
for (const [partTest, kind, has] of adapters) {
  for (const [near, far] of [
    ["ours", "upstream's"],
    ["upstream's", "ours"],
  ]) {
    partTest(`this server ${near}, the other ${far}, ${kind}`, async (t, store) => {
      const start = (name, whose) =>
        startNode(t, name, { kind, store, oracle: whose === "upstream's" });
      const nodes = await Promise.all([start("near", near), start("far", far)]);
      await behave(t, nodes, has);
    });
  }
}
