// Runs the engines of semantic-release and release-please over the windows that `kubectl-seaworthy version replay` found, and
// prints for each engine how often its level is the one that was released.
//
//   npm install @semantic-release/commit-analyzer conventional-changelog-conventionalcommits release-please
//   kubectl-seaworthy version replay --repo DIR --output json > replay.json
//   node compare.mjs DIR replay.json
//
// The same allowances for all: a release was made, so no level counts as patch; below 1.0.0 a breaking change counts as minor.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { analyzeCommits } from "@semantic-release/commit-analyzer";

const require = createRequire(import.meta.url);
const { parseConventionalCommits } = require("release-please/build/src/commit");
const { DefaultVersioningStrategy } = require("release-please/build/src/versioning-strategies/default");
const { Version } = require("release-please/build/src/version");

const [dir, file] = process.argv.slice(2);
const { releases } = JSON.parse(readFileSync(file, "utf8"));
const order = ["patch", "minor", "major"];
const quiet = { log() {}, info() {}, debug() {}, warn() {}, error() {}, trace() {} };

/** The commits of a window, newest first. */
function commits(base, head) {
  const args = ["-C", dir, "log", "-z", "--topo-order", "--format=%H%n%cI%n%B", `${base}..${head}`];
  const text = execFileSync("git", args, { encoding: "utf8", maxBuffer: 1 << 30 });
  return text.split("\0").filter(Boolean).map((record) => {
    const [hash, date, ...message] = record.split("\n");
    return { hash, sha: hash, message: message.join("\n").trim(), committerDate: date, gitTags: "", files: [] };
  });
}

function releasePlease(base, range) {
  const before = Version.parse(base);
  const parsed = parseConventionalCommits(range, quiet);
  const after = new DefaultVersioningStrategy({ bumpMinorPreMajor: true }).bump(before, parsed);
  return after.major !== before.major ? "major" : after.minor !== before.minor ? "minor" : "patch";
}

const engines = {
  seaworthy: async (row) => row.level.toLowerCase(),
  "commit-analyzer (angular)": (row, range) => analyzeCommits({}, { cwd: process.cwd(), commits: range, logger: quiet }),
  "commit-analyzer (conventionalcommits)": (row, range) =>
    analyzeCommits({ preset: "conventionalcommits" }, { cwd: process.cwd(), commits: range, logger: quiet }),
  "release-please": async (row, range) => releasePlease(row.base.replace(/^.*?(?=\d+\.\d+\.\d+)/, ""), range),
};
const sums = Object.fromEntries(
  Object.keys(engines).map((name) => [name, { exact: 0, tooHigh: 0, tooLow: 0, falseMajors: 0, missedMajors: 0, failed: 0 }]),
);
let disagreements = 0;
for (const row of releases) {
  const range = commits(row.baseCommit, row.commit);
  const early = /(^|[^\d.])0\.\d+\.\d+$/.test(row.base);
  const actual = row.actual.toLowerCase();
  const said = new Set();
  for (const [name, engine] of Object.entries(engines)) {
    const sum = sums[name];
    let level;
    try {
      level = (await engine(row, range)) ?? "patch";
    } catch (error) {
      sum.failed += 1;
      continue;
    }
    if (level === "none") level = "patch";
    if (early && level === "major") level = "minor";
    said.add(level);
    const [chosen, was] = [order.indexOf(level), order.indexOf(actual)];
    sum[chosen === was ? "exact" : chosen > was ? "tooHigh" : "tooLow"] += 1;
    sum.falseMajors += level === "major" && actual !== "major";
    sum.missedMajors += level !== "major" && actual === "major";
    if (process.env.VERBOSE && chosen !== was) console.error(`${name}\t${row.tag}\t${level} for ${actual}`);
  }
  disagreements += said.size > 1;
}
console.log(`${releases.length} releases, the engines disagree in ${disagreements}`);
console.table(sums);
