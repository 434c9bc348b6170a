// The module at admission: it stamps what it is given, and refuses what lies too deep.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { K8s } from "kubernetes-fluent-client";
import { NAMESPACE, createCargo, find, kind, refusal, remove, uniqueName } from "../cluster.mjs";

const made = [];
const name = () => made[made.push(uniqueName("cargo")) - 1];
after(() => Promise.all(made.map(each => remove(kind.ConfigMap, each))));

test("a config map with a draught is stamped with the version under test", async () => {
  const cargo = await createCargo(name(), "7");
  assert.equal(cargo.metadata.annotations?.["harbour/stamped-by"], process.env.SEAWORTHY_VERSION);
});

test("the deepest draught allowed is accepted", async () => {
  const cargo = name();
  await createCargo(cargo, "12");
  assert.equal((await find(kind.ConfigMap, cargo)).data.draught, "12");
});

test("a deeper draught is refused, and the answer says why", async () => {
  const cargo = name();
  assert.match((await refusal(createCargo(cargo, "12.5"))) ?? "accepted", /deeper than 12 m/);
  assert.equal(await find(kind.ConfigMap, cargo), undefined);
});

test("a draught that is not a number is refused", async () => {
  assert.match((await refusal(createCargo(name(), "deep"))) ?? "accepted", /draught/);
});

test("an update that goes too deep is refused and changes nothing", async () => {
  const cargo = name();
  await createCargo(cargo, "3");
  const deeper = K8s(kind.ConfigMap, { namespace: NAMESPACE, name: cargo }).Patch([
    { op: "replace", path: "/data/draught", value: "30" },
  ]);
  assert.match((await refusal(deeper)) ?? "accepted", /deeper than 12 m/);
  assert.equal((await find(kind.ConfigMap, cargo)).data.draught, "3");
});

test("a config map without the label is left alone", async () => {
  const cargo = await createCargo(name(), "30", {});
  assert.equal(cargo.metadata.annotations?.["harbour/stamped-by"], undefined);
});
