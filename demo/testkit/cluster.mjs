// What suites, churn and the auditor share: small helpers on Pepr's own Kubernetes client.

import { setTimeout as sleep } from "node:timers/promises";
import { K8s, kind } from "kubernetes-fluent-client";

/** The namespace that the module watches and guards. */
export const NAMESPACE = "pepr-demo";

/** On everything that the demo makes, so that the teardown finds what a run left. */
const OURS = "harbour/demo";

const run = Math.random().toString(36).slice(2, 8);
let count = 0;

/** A name that no other run uses. */
export function uniqueName(prefix) {
  count += 1;
  return `${prefix}-${run}-${count}`;
}

/** A Pod that is real to every watcher but never reaches a node: the load is on the watch, not on the kubelet. */
export function createPod(name, labels = {}) {
  return K8s(kind.Pod).Create({
    metadata: { name, namespace: NAMESPACE, labels: { [OURS]: "", ...labels } },
    spec: {
      schedulingGates: [{ name: "harbour/never" }],
      terminationGracePeriodSeconds: 0,
      automountServiceAccountToken: false,
      containers: [{ name: "idle", image: "harbour.invalid/none" }],
    },
  });
}

/** A ConfigMap that declares a draught; `labels` says whether the module looks at it. */
export function createCargo(name, draught, labels = { "harbour/cargo": "" }) {
  return K8s(kind.ConfigMap).Create({
    metadata: { name, namespace: NAMESPACE, labels: { [OURS]: "", ...labels } },
    data: { draught },
  });
}

/** The object, or undefined when there is none; any other answer is an error. */
export async function find(what, name) {
  try {
    return await K8s(what).InNamespace(NAMESPACE).Get(name);
  } catch (error) {
    if (error.status === 404) {
      return undefined;
    }
    throw error;
  }
}

/** Deletes; being gone already is fine. */
export async function remove(what, name) {
  try {
    await K8s(what, { namespace: NAMESPACE, name }).Delete();
  } catch (error) {
    if (error.status !== 404) {
      throw error;
    }
  }
}

/** Milliseconds until the Pod was gone, or undefined when it was still there after `deadline` milliseconds. */
export async function untilGone(name, deadline) {
  const started = Date.now();
  while (Date.now() - started < deadline) {
    if (!(await find(kind.Pod, name))) {
      return Date.now() - started;
    }
    await sleep(250);
  }
  return undefined;
}

/** What the API server said when it refused, or undefined when it did not. */
export async function refusal(request) {
  try {
    await request;
    return undefined;
  } catch (error) {
    return `${error.status ?? ""} ${error.data?.message ?? error.message ?? JSON.stringify(error)}`;
  }
}

export { kind };
