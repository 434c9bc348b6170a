// Runs one suite and reports how many tests it had and how many failed: `node testkit/suite.mjs admission`.
//
// Exit 0 only when at least one test ran and none failed.

import { writeFileSync } from "node:fs";
import { finished } from "node:stream/promises";
import { run } from "node:test";
import { spec } from "node:test/reporters";

const file = new URL(`./suites/${process.argv[2]}.mjs`, import.meta.url).pathname;
const counts = { tests: 0, failed: 0 };

const stream = run({ files: [file], concurrency: 1, timeout: 120_000 });
stream.on("test:pass", event => count(event));
stream.on("test:fail", event => count(event, 1));
const printed = stream.compose(new spec());
printed.pipe(process.stdout, { end: false });
await finished(printed);

writeFileSync(process.env.TERMINATION_LOG ?? "/dev/termination-log", JSON.stringify(counts));
process.exitCode = counts.tests > 0 && counts.failed === 0 ? 0 : 1;

function count(event, failed = 0) {
  // The file itself is reported as a test around the ones in it when it cannot be loaded: that counts as a failure only.
  counts.tests += 1;
  counts.failed += failed;
}
