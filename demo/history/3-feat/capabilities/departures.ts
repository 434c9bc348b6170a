import { Capability, K8s, Log, a, kind } from "pepr";

/** Clears Pods labelled `harbour/depart` as soon as the watch tells of them. */
export const Departures = new Capability({
  name: "departures",
  description: "Removes Pods that are ready to depart",
  namespaces: ["pepr-demo"],
});

const { When } = Departures;

When(a.Pod)
  .IsCreatedOrUpdated()
  .WithLabel("harbour/depart")
  .Watch(async pod => {
    // The update that starts a deletion is no reason for another one.
    if (pod.metadata.deletionTimestamp) {
      return;
    }
    try {
      await K8s(kind.Pod, { namespace: pod.metadata.namespace, name: pod.metadata.name }).Delete();
    } catch (error) {
      Log.error({ error, pod: pod.metadata.name }, "could not clear a departing pod");
    }
  });
