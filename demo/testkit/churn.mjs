// Real churn for a soak: Pods for the watcher to clear, ConfigMaps for admission to stamp, guard and refuse.
//
// Each round creates one Pod that is to be cleared at once, and one that becomes ready to depart a few rounds later; so there are always
// young Pods to look at, and the watcher is asked both ways. Goes on until it is stopped (SIGTERM) or CHURN_SECONDS have passed, then
// removes what still waits and says what it did. Judges nothing: what the module made of the load is for the checks to say.

import { setTimeout as sleep } from "node:timers/promises";
import { K8s } from "kubernetes-fluent-client";
import { NAMESPACE, createCargo, createPod, kind, refusal, remove, uniqueName } from "./cluster.mjs";

const rounds = Number(process.env.CHURN_SECONDS ?? 43_200);
/** How many rounds a Pod lies in harbour before it is ready to depart. */
const STAY = 5;

const did = { pods: 0, stamped: 0, refused: 0, errors: 0 };
const waiting = [];
const stop = new AbortController();
process.on("SIGTERM", () => stop.abort());
process.on("SIGINT", () => stop.abort());

async function pods() {
  await createPod(uniqueName("churn"), { "harbour/depart": "" });
  const later = uniqueName("churn");
  await createPod(later);
  waiting.push(later);
  did.pods += 2;
  if (waiting.length > STAY) {
    await K8s(kind.Pod, { namespace: NAMESPACE, name: waiting.shift() }).Patch([
      { op: "add", path: "/metadata/labels/harbour~1depart", value: "" },
    ]);
  }
}

async function cargo() {
  const light = uniqueName("churn");
  await createCargo(light, "5");
  did.stamped += 1;
  await remove(kind.ConfigMap, light);
  if (await refusal(createCargo(uniqueName("churn"), "50"))) {
    did.refused += 1;
  }
}

for (let number = 0; number < rounds && !stop.signal.aborted; number += 1) {
  for (const part of [pods, cargo]) {
    await part().catch(error => {
      did.errors += 1;
      console.error(`round ${number}: ${error.status ?? ""} ${error.data?.message ?? error.message}`);
    });
  }
  await sleep(1_000, undefined, { signal: stop.signal }).catch(() => undefined);
}
await Promise.all(waiting.map(name => remove(kind.Pod, name)));
console.log(
  `churn: ${did.pods} pods, ${did.stamped} config maps stamped, ${did.refused} refused, ${did.errors} requests failed`,
);
