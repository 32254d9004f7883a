// Two server processes over a real PostgreSQL.
import { postgresTest } from "../support/postgres.mjs";
import { behave, OVER_POSTGRES } from "./behaviours.mjs";
import { startNode } from "./cluster.mjs";

for (const [kind, has] of Object.entries(OVER_POSTGRES)) {
  postgresTest(`two servers, ${kind}`, async (t, store) => {
    const nodes = await Promise.all([
      startNode(t, "near", { kind, store }),
      startNode(t, "far", { kind, store, when: "later" }),
    ]);
    await behave(t, nodes, has);
  });
}
