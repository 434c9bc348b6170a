import { PeprModule } from "pepr";
import "./metrics";
import cfg from "./package.json";
import { Cargo } from "./capabilities/cargo";
import { Departures } from "./capabilities/departures";

/** One module, two capabilities: `Cargo` runs at admission, `Departures` in the watcher. */
new PeprModule(cfg, [Cargo, Departures]);
