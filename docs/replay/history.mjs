// Prints a made-up history for `git fast-import`: COMMITS commits (50,000), TAGS tags (2,000), the same every time.
//
//   git init --bare big.git && node docs/replay/history.mjs | git -C big.git fast-import --quiet
const commits = Number(process.env.COMMITS ?? 50_000);
const tags = Number(process.env.TAGS ?? 2_000);
const kinds = ['fix', 'feat', 'chore', 'docs', 'perf', 'refactor', 'fix(api)', 'test'];
let seed = 1;
const pick = (count) => {
  seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
  return Math.floor((seed / 2_147_483_648) * count);
};
const out = [];
const every = Math.max(1, Math.floor(commits / (tags + 1)));
let made = 0;
// Old versions first: the last tag stands near the beginning, so that almost everything is in the range.
for (let at = 1; at <= commits; at += 1) {
  const words = Array.from({ length: 4 + pick(20) }, () => ['one', 'more', 'change', 'of', 'many'][pick(5)]).join(' ');
  const message = `${kinds[pick(kinds.length)]}: change ${at}\n\n${words}\n`;
  out.push(`commit refs/heads/main\nmark :${at}\ncommitter A <a@example.org> ${1_700_000_000 + at} +0000\ndata ${message.length}\n${message}`);
  if (at % every === 0 && made < tags) {
    // Tags of another component but the first: they have to be read, and none of them is the base.
    const name = made === 0 ? 'v1.0.0' : `other-${made}.0.0`;
    out.push(`reset refs/tags/${name}\nfrom :${at}\n`);
    made += 1;
  }
}
process.stdout.write(`${out.join('\n')}\n`);
