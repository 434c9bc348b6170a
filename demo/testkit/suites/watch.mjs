// The module's watcher: Pods that are ready to depart are gone soon, all others stay.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { K8s } from "kubernetes-fluent-client";
import { NAMESPACE, createPod, find, kind, remove, uniqueName, untilGone } from "../cluster.mjs";

/** Generous: the watch itself answers within a second. */
const DEADLINE = 20_000;

const made = [];
const name = () => made[made.push(uniqueName("ship")) - 1];
after(() => Promise.all(made.map(each => remove(kind.Pod, each))));

test("a departing pod is cleared", async () => {
  const ship = name();
  await createPod(ship, { "harbour/depart": "" });
  assert.notEqual(await untilGone(ship, DEADLINE), undefined, `${ship} is still there`);
});

test("of a burst of twelve, none is forgotten", async () => {
  const ships = Array.from({ length: 12 }, name);
  await Promise.all(ships.map(ship => createPod(ship, { "harbour/depart": "" })));
  const gone = await Promise.all(ships.map(ship => untilGone(ship, DEADLINE)));
  assert.deepEqual(
    ships.filter((_, index) => gone[index] === undefined),
    [],
  );
});

test("a pod is cleared when it becomes ready to depart, not before", async () => {
  const ship = name();
  await createPod(ship);
  assert.equal(await untilGone(ship, 3_000), undefined, `${ship} was cleared too early`);
  await K8s(kind.Pod, { namespace: NAMESPACE, name: ship }).Patch([
    { op: "add", path: "/metadata/labels/harbour~1depart", value: "" },
  ]);
  assert.notEqual(await untilGone(ship, DEADLINE), undefined, `${ship} is still there`);
});

test("a pod without the label stays", async () => {
  const ship = name();
  await createPod(ship);
  await untilGone(ship, 3_000);
  assert.notEqual(await find(kind.Pod, ship), undefined);
});
