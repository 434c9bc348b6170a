// Audits the watcher from outside: creates a Pod that is ready to depart, and sees whether it is gone in time.
//
// Serves http :8080/metrics with `watch_controller_failures_total`, the number of Pods that the watcher let lie. A request that the API server
// fails is `watch_audit_errors_total`: no evidence against the watcher, and none for it.

import { createServer } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import client from "prom-client";
import { createPod, kind, remove, uniqueName, untilGone } from "./cluster.mjs";

const deadline = Number(process.env.AUDIT_DEADLINE_SECONDS ?? 10) * 1_000;
const pause = Number(process.env.AUDIT_INTERVAL_SECONDS ?? 2) * 1_000;

const audits = new client.Counter({ name: "watch_audits_total", help: "Pods created for the watcher to clear" });
const failures = new client.Counter({
  name: "watch_controller_failures_total",
  help: "Pods that the watcher had not cleared by the deadline",
});
const errors = new client.Counter({ name: "watch_audit_errors_total", help: "Audits that the API server cut short" });
const latency = new client.Histogram({
  name: "watch_clear_seconds",
  help: "Time from creating a Pod to its being gone",
  buckets: [0.25, 0.5, 1, 2, 5, 10],
});

createServer(async (request, response) => {
  if (request.url === "/metrics") {
    response.setHeader("Content-Type", client.register.contentType);
    response.end(await client.register.metrics());
  } else {
    response.statusCode = request.url === "/healthz" ? 200 : 404;
    response.end();
  }
}).listen(8080);

process.on("SIGTERM", () => process.exit(0));

for (;;) {
  try {
    const pod = uniqueName("audit");
    await createPod(pod, { "harbour/depart": "" });
    audits.inc();
    const took = await untilGone(pod, deadline);
    if (took === undefined) {
      failures.inc();
      // It has been counted: left lying, a broken watcher would fill the namespace.
      await remove(kind.Pod, pod);
    } else {
      latency.observe(took / 1_000);
    }
  } catch (error) {
    errors.inc();
    console.error(`audit: ${error.status ?? ""} ${error.data?.message ?? error.message}`);
  }
  await sleep(pause);
}
