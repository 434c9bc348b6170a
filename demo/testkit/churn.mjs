// Real churn for a soak: Pods for the watcher to clear, ConfigMaps for admission to stamp, guard and refuse.
//
// Goes on until it is stopped (SIGTERM) or CHURN_SECONDS have passed, then removes what is left of its own and says what it did.
// Judges nothing: what the module made of the load is for the checks to say.

import { setTimeout as sleep } from "node:timers/promises";
import { createCargo, createPod, kind, refusal, remove, uniqueName } from "./cluster.mjs";

const rounds = Number(process.env.CHURN_SECONDS ?? 43_200);
const podsPerSecond = Number(process.env.CHURN_PODS_PER_SECOND ?? 2);
const did = { pods: 0, stamped: 0, refused: 0, errors: 0 };
const stop = new AbortController();
process.on("SIGTERM", () => stop.abort());
process.on("SIGINT", () => stop.abort());

async function round() {
  for (let pod = 0; pod < podsPerSecond; pod += 1) {
    await createPod(uniqueName("churn"), { "harbour/depart": "" });
    did.pods += 1;
  }
  const cargo = uniqueName("churn");
  await createCargo(cargo, "5");
  did.stamped += 1;
  await remove(kind.ConfigMap, cargo);
  if (await refusal(createCargo(uniqueName("churn"), "50"))) {
    did.refused += 1;
  }
}

for (let number = 0; number < rounds && !stop.signal.aborted; number += 1) {
  await round().catch(error => {
    did.errors += 1;
    console.error(`round ${number}: ${error.status ?? ""} ${error.data?.message ?? error.message}`);
  });
  await sleep(1_000, undefined, { signal: stop.signal }).catch(() => undefined);
}
console.log(
  `churn: ${did.pods} pods, ${did.stamped} config maps stamped, ${did.refused} refused, ${did.errors} rounds cut short`,
);
