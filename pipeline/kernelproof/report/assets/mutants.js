"use strict";
// The section of mutants: the score, a long table, and a mutant with its change and its killers.

function mutants(data, { $, h, table, badge, options, unique, present, reproduce }) {
  const run = data.mutants;
  const statuses = run?.statuses.map((one) => one.status) ?? [];
  const blocking = new Set(run?.statuses.filter((one) => one.blocks).map((one) => one.status));
  const kernels = unique(run?.mutants.map((one) => one.kernel) ?? []);

  // A mutant's file and line, with the kernel's name if there are several kernels.
  function place(one) {
    const file = one.file.replace(kernels.length > 1 ? "kernels/" : `kernels/${one.kernel}/`, "");
    return `${file}:${one.line}`;
  }

  // The first killer, with the distribution of the row that showed it; or why nothing killed it.
  function cause(one) {
    if (one.status !== "killed" || !one.killed_by.length) return one.why.split("\n", 1)[0];
    const [[first, outcome, distribution], ...others] = one.killed_by;
    const name = run.cases[first].replace(`${one.kernel}-`, "");
    const more = others.length ? `, and ${others.length} more` : "";
    return `${name} (${distribution || outcome})${more}`;
  }

  function score() {
    const { killed, of } = run.score;
    const isWhole = killed === of;
    const count = (status) => run.statuses.find((one) => one.status === status)?.count ?? 0;
    const percent = of ? Math.floor((1000 * killed) / of) / 10 : 100; // not rounded: 99.96 would be 100
    const [all, most, proven, elsewhere] = [killed, of, count("equivalent"), count("other row")]
      .map((size) => size.toLocaleString("en"));
    const left = run.statuses.filter((one) => one.blocks).map((one) => `${one.count} ${one.status}`);
    const mark = h("span", { "aria-hidden": "true" }, isWhole ? "✓" : "✕");
    $("mutant-score").replaceChildren(
      h("span", { class: `badge ${isWhole ? "good" : "bad"}` }, mark, `${all} of ${most} killed`),
      ` ${percent.toFixed(1)} %; ${proven} equivalent by proof, ${elsewhere} of another row, `
        + (left.join(", ") || "no survivor"));
    $("mutant-statuses").replaceChildren(...run.statuses.map(({ status, count: size }) =>
      h("span", {}, badge(status), ` ${size.toLocaleString("en")}`)));
    const commit = run.commit ? `commit ${run.commit.slice(0, 12)}` : "a commit that was not noted";
    const dirty = run.dirty ? ", with changes that are not committed" : "";
    $("mutant-run").textContent = [
      `row ${run.row}`, `${commit}${dirty}`, run.date,
      `${run.enough.length} of ${run.cases.length} cases kill all that is killed`,
      `${Math.round(run.seconds).toLocaleString("en")} s`,
    ].filter(Boolean).join(" · ");
  }

  const List = run && longTable({ h, options }, {
    at: { grid: $("mutant-grid"), head: $("mutant-head"), body: $("mutant-body"),
      filter: $("mutant-filter"), form: $("mutant-filters"), count: $("mutant-count") },
    items: run.mutants,
    noun: "mutant",
    columns: [
      ["Status", (one) => statuses.indexOf(one.status), (one) => ["", badge(one.status)]],
      ["Mutant", (one) => one.id, (one) => ["id mono", one.id]],
      ["Operator", (one) => one.operator, (one) => ["of", one.operator]],
      ["Line", place, (one) => ["of mono", place(one)]],
      ["Killed by, or why not", cause, (one) => ["cause", cause(one)]],
    ],
    selects: [
      [$("mutant-status"), ["", "blocks", ...statuses], ["all", "any that blocks", ...statuses],
        (one, value) => (value === "blocks" ? blocking.has(one.status) : one.status === value)],
      [$("mutant-operator"), ...["", "all"].map((first) =>
        [first, ...unique(run.mutants.map((one) => one.operator)).sort()]),
      (one, value) => one.operator === value],
    ],
    words: (one) => [one.id, one.operator, `${one.file}:${one.line}`, one.status, one.why, one.source,
      ...one.killed_by.map(([name, , distribution]) => `${run.cases[name]} ${distribution}`)].join(" "),
    rank: (one) => statuses.indexOf(one.status),
    open,
  });

  function open(one) {
    const side = (sign, kind, text) => text.split("\n").map((line) =>
      h("span", { class: kind }, `${sign} ${line}`));
    const facts = [["Line", h("code", {}, `${one.file}:${one.line}`)],
      ["Function", one.function && h("code", {}, one.function)], ["Known from", one.source]];
    const known = new Set(data.cases.map((each) => each.id));
    const lines = one.killed_by.map(([name, outcome, distribution]) => {
      const id = run.cases[name];
      const link = known.has(id) && h("a", { href: `#case=${encodeURIComponent(id)}` }, id);
      return { cells: [link || id, outcome, distribution || "–"] };
    });
    const killers = lines.length ? [h("h3", {}, "Killed by"), h("div", { class: "scroll" },
      table(["Case", "Outcome", "Rows of"], lines))] : [];
    present(one.id, `#mutant=${encodeURIComponent(one.id)}`, [
      h("div", { class: "verdict" }, badge(one.status), h("strong", {}, one.operator)),
      one.status === "equivalent" && h("h3", {}, "Proof"), h("pre", { class: "reason" }, one.why),
      h("h3", {}, "Change"),
      h("pre", { class: "change" }, side("-", "bad", one.before), side("+", "good", one.after)),
      h("dl", {}, facts.filter(([, value]) => value)
        .flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])),
      ...killers, ...reproduce(`nox -s mutants -- --mutant ${one.id}`),
    ].filter(Boolean), $("mutant-grid"));
  }

  function draw() {
    score();
    List.start();
  }

  // Opens a mutant by its id; with a wrong one nothing in the table fits.
  function openNamed(id) {
    const one = run?.mutants.find((each) => each.id === id);
    if (one) open(one);
    else if (run) $("mutant-filter").value = id;
  }

  return { draw, open: openNamed };
}
