import { Capability, a } from "pepr";
import cfg from "../package.json";

/** Stamps every ConfigMap that declares a draught with the module's version, and refuses one that lies too deep. */
export const Cargo = new Capability({
  name: "cargo",
  description: "Stamps and guards ConfigMaps with a draught",
  namespaces: ["pepr-demo"],
});

const { When } = Cargo;

/** The deepest draught, in metres, that the namespace takes. */
const DEEPEST_METRES = "12";

When(a.ConfigMap)
  .IsCreatedOrUpdated()
  .WithLabel("harbour/cargo")
  .Mutate(cargo => {
    cargo.SetAnnotation("harbour/stamped-by", cfg.version);
  })
  .Validate(cargo => {
    const metres = cargo.Raw.data?.draught;
    return metres <= DEEPEST_METRES
      ? cargo.Approve()
      : cargo.Deny(`draught ${cargo.Raw.data?.draught} is not a number, or deeper than ${DEEPEST_METRES} m`);
  });
