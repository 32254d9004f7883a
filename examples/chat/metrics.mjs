// GET /metrics: the metrics of the engine, for Prometheus. grafana.json is a dashboard of them.
import { METRICS_CONTENT_TYPE } from "../../engine.mjs";

/** Answers a request for the metrics of a server. Returns false if it is for something else. */
export function serveMetrics(io, req, res) {
  // socket.io itself has none
  if (req.url !== "/metrics" || io.engine.metricsText === undefined) return false;
  if (req.method !== "GET" && req.method !== "HEAD") {
    res.writeHead(405, { Allow: "GET, HEAD" }).end();
    return true;
  }
  const text = io.engine.metricsText();
  res.writeHead(200, {
    "Content-Type": METRICS_CONTENT_TYPE,
    "Content-Length": Buffer.byteLength(text),
    "Cache-Control": "no-store",
  });
  res.end(text);
  return true;
}
