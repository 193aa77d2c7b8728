"use strict";
// The sections with charts and stored figures; each is there only if it has something to show.

function sections(data, tools) {
  const { $, h, table, badge, options, unique, short, signed } = tools;
  const planted = mutants(data, tools);
  const past = data.history;
  const places = (values) => values.map((_, place) => String(place));

  // Fills a select with the charts, draws the first, and draws another at each choice.
  function chosen(select, labels, draw) {
    options(select, places(labels), labels);
    select.parentElement.hidden = labels.length < 2;
    select.addEventListener("change", () => draw(Number(select.value)));
    draw(0);
  }

  const split = (id, row, kernel) => {
    const [dtype, ...axes] = id.slice(kernel.length + row.length + 2).split("-");
    const size = axes.find((axis) => /^T\d+$/.test(axis));
    const others = axes.filter((axis) => axis !== size).join("-");
    return { dtype, axes: others, t: size ? Number(size.slice(1)) : null };
  };

  function speed() {
    const width = (one) => Math.max(...one.curves.map((curve) => curve.points.length));
    const sets = [...data.speed].sort((a, b) => width(b) - width(a));
    const labels = sets.map((one) => `${one.row} · ${one.kernel} · ${one.dtype} · ${one.axes}`);
    chosen($("speed-set"), labels, (place) => {
      const one = sets[place];
      $("speed-source").textContent = `${one.source}; device time in µs, both axes logarithmic`;
      Charts.draw($("speed-chart"), {
        title: `Time over T, ${labels[place]}`, x: "T", y: "µs", unit: " µs", log: true, height: 360,
        curves: one.curves.map((curve, rank) => ({
          ...curve, width: rank === 0 ? 2.5 : 1.5, dash: curve.name === "floor" ? [6, 4] : undefined,
          colour: curve.name === "floor" ? 6 : rank > 1 ? rank - 1 : rank,
        })),
      });
      const sizes = unique(one.curves.flatMap((curve) => curve.points.map(([t]) => t)));
      const known = one.curves.map((curve) => new Map(curve.points));
      const lines = sizes.sort((a, b) => a - b).map((t) => ({
        cells: [t.toLocaleString("en"), ...known.map((curve) => curve.get(t) ?? "–")],
      }));
      const head = ["T", ...one.curves.map((curve) => `${curve.name}, µs`)];
      $("speed-table").replaceChildren(table(head, lines));
    });
  }

  function baselines() {
    const sets = data.baselines.flatMap((one) => {
      const parts = Object.keys(one.cases).map((id) => ({ id, ...split(id, one.row, one.kernel) }));
      const keys = unique(parts.map((part) => `${part.dtype} · ${part.axes}`));
      return keys.map((key) => ({
        one, label: `${one.row} · ${one.kernel} · ${key}`,
        parts: parts.filter((part) => `${part.dtype} · ${part.axes}` === key),
      }));
    });
    const labels = sets.map((set) => set.label);
    chosen($("baseline-set"), labels, (place) => {
      const { one, parts } = sets[place];
      const results = new Map(data.cases.filter((each) => each.check === "perf")
        .map((each) => [each.id, each.numbers]));
      const hasRun = parts.some(({ id }) => typeof results.get(id)?.time_us === "number");
      const names = one.blessings.map((blessing) => blessing.date);
      if (hasRun) names.push("this run");
      const curves = parts.map((part, rank) => trend(one, part, results.get(part.id), rank));
      const flat = curves.flatMap((curve) => [
        ...curve.points.map(([, y]) => y), ...curve.bars.flatMap(([, low, high]) => [low, high])]);
      const most = Math.max(1, ...flat.map(Math.abs)) * 1.15;
      Charts.draw($("baseline-chart"), {
        title: `Baselines, ${labels[place]}`, x: "blessing", y: "change, %", unit: " %", names,
        marks: one.blessings.map((_, rank) => rank), range: [-most, most], curves,
      });
      $("blessings").replaceChildren(...one.blessings.map((blessing) => h("li", {},
        h("strong", {}, blessing.date), ` ${blessing.reason} `,
        h("span", { class: "quiet" }, `(${Object.keys(blessing.cases).length} cases, `
          + `${blessing.commit.slice(0, 12)}, ${blessing.machine})`))));
    });
  }

  // A case's change since its first blessing, with the spreads of the stored times and of this run.
  function trend(one, part, run, rank) {
    const told = one.blessings.map((blessing) => blessing.cases[part.id]?.[0] ?? null);
    const first = told.find((us) => us != null) ?? one.cases[part.id].us;
    const change = (us) => 100 * (us / first - 1);
    const points = told.flatMap((us, place) => (us == null ? [] : [[place, change(us)]]));
    const stored = one.cases[part.id];
    const last = told.findLastIndex((us) => us != null);
    const aside = (rank - 3) * 0.025; // the bars of several curves stand side by side
    const bars = last < 0 ? [] : [[last + aside, change(stored.low), change(stored.high)]];
    if (typeof run?.time_us === "number") {
      points.push([told.length, change(run.time_us)]);
      if (typeof run.time_low === "number" && typeof run.time_high === "number") {
        const ends = [run.time_low, run.time_high].map((by) => change(stored.us * (1 + by / 100)));
        bars.push([told.length + aside, ...ends]);
      }
    }
    return { name: part.t == null ? part.id : `T ${part.t.toLocaleString("en")}`, points, bars,
      colour: rank };
  }

  function gate() {
    const labels = data.cards.map((card) => card.row);
    chosen($("gate-row"), labels, (place) => {
      const card = data.cards[place];
      const { alarms } = card;
      $("gate-alarms").textContent = `${card.row}, ${card.date}, ${card.processes} processes at `
        + `${card.commit.slice(0, 12)}: ${alarms.blamed} of ${alarms.rows} unchanged rows blamed, `
        + `${alarms.undecided} undecided; at most ${short(alarms.at_most_percent)} % are, `
        + "with 95 % confidence. Below, how often a planted slowdown is found.";
      const parts = Object.entries(card.cases).map(([id, of]) => ({ id, of, ...parted(id, card.row) }));
      const groups = unique(parts.map((part) => `${part.dtype} · ${part.axes}`));
      const hosts = groups.map((group) => ({ group, host: h("div", { class: "chart" }) }));
      $("gate-charts").replaceChildren(...hosts.map(({ group, host }) =>
        h("div", {}, h("h3", {}, group), host)));
      for (const { group, host } of hosts) {
        const curves = parts.filter((part) => `${part.dtype} · ${part.axes}` === group)
          .map((part) => ({
            name: part.t == null ? part.id : `T ${part.t.toLocaleString("en")}`,
            points: part.of.planted,
          }));
        Charts.draw(host, { title: `Found slowdowns, ${card.row} ${group}`, x: "planted, %",
          y: "found, %", unit: " %", height: 230, range: [-3, 103], curves });
      }
      const lines = parts.map(({ id, of }) => ({
        cells: [id, of.visible == null ? "none" : `${of.visible.toFixed(2)} %`, `${short(of.limit)} %`],
      }));
      $("gate-table").replaceChildren(table(["Case", "Visible", "Limit"], lines));
    });
  }

  // A case of a gate card; only its id names the kernel.
  function parted(id, row) {
    const at = id.indexOf(`-${row}-`);
    return split(id, row, id.slice(0, at));
  }

  function machines() {
    const rows = unique(data.machines.map((one) => one.row));
    const labels = [...rows, ...(rows.length > 1 ? ["all rows"] : [])];
    const draw = () => {
      const row = labels[Number($("machine-row").value || 0)];
      const shown = data.machines.filter((one) => row === "all rows" || one.row === row);
      const keys = unique(shown.flatMap((one) => Object.keys(one.what)));
      const lines = keys.map((key) => {
        const values = shown.map((one) => one.what[key]);
        const differs = unique(values.filter((value) => value != null)).length > 1;
        const cells = values.map((value) =>
          h("td", { class: `mono ${differs && value != null ? "lit" : ""}` }, value ?? "–"));
        return { differs, cells: [key, ...cells] };
      }).filter((line) => line.differs || !$("machine-differs").checked);
      const heads = shown.map((one) => (row === "all rows" ? `${one.row}, ${one.of}` : one.of));
      const none = h("p", { class: "quiet" }, "no difference");
      $("machine-table").replaceChildren(lines.length ? table(["", ...heads], lines) : none);
    };
    $("machine-differs").addEventListener("change", draw);
    const most = rows.map((row) => data.machines.filter((one) => one.row === row).length);
    chosen($("machine-row"), labels, draw);
    $("machine-row").value = String(most.indexOf(Math.max(...most)));
    draw();
  }

  // ---- history ----

  const commitOf = (run) => past.runs[run].commit.slice(0, 12);

  // A line for each run, for one check or for all checks of a case.
  function runsOf(id, check = "") {
    if (!past) return [];
    return Object.entries(past.cases)
      .filter(([key]) => (check ? key === `${check} ${id}` : key.endsWith(` ${id}`)))
      .flatMap(([key, of]) => {
        const times = new Map(of.points.map(([run, us, ratio]) => [run, [us, ratio]]));
        return [...of.verdicts].map((letter, run) => ({ letter, run }))
          .filter(({ letter }) => letter !== ".")
          .map(({ letter, run }) => {
            const [us, ratio] = times.get(run) ?? [];
            const verdict = h("td", {}, badge(past.words[letter]));
            return { run, cells: [h("code", {}, commitOf(run)), key.split(" ", 1)[0], verdict,
              us == null ? "–" : `${us.toFixed(3)} µs`, ratio ?? "–"] };
          });
      }).sort((a, b) => a.run - b.run);
  }

  function steps() {
    const head = ["Case", "Step", "Over the floor", "By", "From", "To", "State"];
    const lines = past.steps.map((step) => ({ cells: [
      h("a", { href: `#case=${encodeURIComponent(step.case)}` }, step.case),
      h("td", { class: `number ${step.percent > 0 ? "bad" : "good"}` },
        `${step.percent > 0 ? "▼ slower" : "▲ faster"} ${signed(step.percent)}`),
      step.ratio_percent == null ? "–" : signed(step.ratio_percent), step.by,
      h("td", { class: "mono" }, commitOf(step.before)),
      h("td", { class: "mono" }, commitOf(step.run)),
      step.is_confirmed ? "confirmed" : "last run: not confirmed yet",
    ] }));
    const none = h("p", { class: "quiet" }, "No step: no time moved by more than half its limit and stayed there.");
    $("history-steps").replaceChildren(lines.length ? table(head, lines) : none);
  }

  function trends() {
    const first = past.runs[0].date?.slice(0, 10) ?? "without a date";
    const reports = past.skipped === 1 ? "1 report was" : `${past.skipped} reports were`;
    const skipped = past.skipped ? `${reports} unreadable, and skipped; ` : "";
    $("history-runs").textContent = `${past.runs.length} runs since ${first}; ${skipped}a step is a `
      + "change of more than half a case's limit that the runs after it confirm.";
    steps();
    const keys = Object.keys(past.cases).filter((key) => past.cases[key].points.length);
    const stepped = new Set(past.steps.map((step) => `perf ${step.case}`));
    keys.sort((a, b) => stepped.has(b) - stepped.has(a));
    const isTimed = keys.length > 0;
    $("history-chart").hidden = !isTimed;
    $("history-case").closest(".tools").hidden = !isTimed;
    if (!isTimed) return;
    const draw = () => {
      const key = keys[Number($("history-case").value || 0)];
      const id = key.slice(key.indexOf(" ") + 1);
      const column = Number($("history-measure").value);
      const unit = column === 1 ? " µs" : "";
      const { points } = past.cases[key];
      const marks = past.steps.filter((step) => step.case === id).map((step) => step.run);
      Charts.draw($("history-chart"), {
        title: `Over the runs, ${id}`, x: "commit", y: column === 1 ? "µs" : "times the floor", unit,
        names: past.runs.map((run) => run.commit.slice(0, 7)), marks, curves: [{
          name: column === 1 ? "time" : "time over the floor", colour: column - 1,
          points: points.filter((point) => point[column] != null)
            .map((point) => [point[0], point[column]]),
        }],
      });
      const head = ["Commit", "Check", "Verdict", "Time", "Over the floor"];
      $("history-table").replaceChildren(table(head, runsOf(id, key.split(" ", 1)[0]).slice(-20).reverse()));
    };
    $("history-measure").addEventListener("change", draw);
    chosen($("history-case"), keys.map((key) => key.slice(key.indexOf(" ") + 1)), draw);
  }

  const every = {
    speed: [data.speed.length, speed], baselines: [data.baselines.length, baselines],
    gate: [data.cards.length, gate], mutants: [data.mutants, planted.draw],
    machines: [data.machines.length, machines], history: [past, trends],
  };

  function reveal() {
    for (const [id, [has]] of Object.entries(every)) $(id).hidden = !has;
  }

  function draw() {
    for (const [has, show] of Object.values(every)) if (has) show();
  }

  return { reveal, draw, runsOf, openMutant: planted.open };
}
