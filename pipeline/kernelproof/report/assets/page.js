"use strict";
// The page: everything is drawn from the JSON within it, and written as text, never as markup.

(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const $ = (id) => document.getElementById(id);
  const { short } = Charts;

  // The symbol and the kind of each verdict, and of each status of a mutant; the kind gives the colour.
  const LOOKS = {
    pass: ["✓", "good"], same: ["=", "good"], faster: ["▲", "good"], skip: ["–", "none"],
    fail: ["✕", "bad"], slower: ["▼", "bad"], error: ["!", "bad"], timeout: ["⧗", "bad"],
    crash: ["✗", "bad"],
    changed: ["≠", "bad"], inconclusive: ["?", "doubt"], "no-baseline": ["○", "doubt"],
    "wrong-machine": ["⇄", "doubt"], missing: ["∅", "silent"],
    killed: ["†", "good"], equivalent: ["≡", "good"], "other row": ["→", "none"],
    survived: ["◆", "bad"], "timed out": ["◔", "bad"], "no build": ["□", "bad"],
    refuted: ["≢", "bad"],
  };
  const look = (verdict) => LOOKS[verdict] ?? ["•", data.good.includes(verdict) ? "good" : "bad"];
  const ORDER = ["bad", "silent", "doubt", "none", "good"];
  const gravity = (verdict) => ORDER.indexOf(look(verdict)[1]);

  // Returns an element; a string among its children is text.
  function h(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (value == null || value === false) continue;
      if (name === "onclick") element.addEventListener("click", value);
      else if (name === "class") element.className = value;
      else element.setAttribute(name, value === true ? "" : value);
    }
    element.append(...children.flat().filter((child) => child != null && child !== false));
    return element;
  }

  function badge(verdict, size = "") {
    const [symbol, kind] = look(verdict);
    const mark = h("span", { "aria-hidden": "true" }, symbol);
    const label = { class: `badge ${kind} ${size}`, title: verdict };
    return h("span", label, mark, h("span", { class: "word" }, verdict));
  }

  function table(head, lines, extra = {}) {
    const cell = (tag) => (value) => {
      if (value instanceof Element && ["TD", "TH"].includes(value.tagName)) return value;
      const isNumber = typeof value === "number" || /^[-+]?[\d.]+( %| µs)?$/.test(value ?? "");
      const text = typeof value === "number" ? short(value) : value ?? "–";
      return h(tag, { class: isNumber && "number" }, text);
    };
    const sides = head.map((name, place) => {
      const below = lines[0]?.cells[place];
      const isNumber = typeof below === "number" || /^[-+]?[\d.]+( %| µs)?$/.test(below ?? "");
      return h("th", { scope: "col", class: isNumber && "number" }, name);
    });
    const rows = lines.map(({ cells, here }) => {
      const [first, ...others] = cells;
      const side = h("th", { scope: "row" }, first);
      return h("tr", { class: here && "here" }, side, others.map(cell("td")));
    });
    return h("table", extra, h("thead", {}, h("tr", {}, sides)), h("tbody", {}, rows));
  }

  const cause = (one) => one.reason.split("\n", 1)[0];
  const unique = (values) => [...new Set(values)];
  const caseName = (one) => one.id.slice(one.kernel.length + one.row.length + 2);
  const signed = (value) => `${value > 0 ? "+" : ""}${value.toFixed(2)} %`;

  function worst(one) {
    const { max_ulp: ulp, time_percent: percent, time_us: us } = one.numbers;
    if (typeof percent === "number") return signed(percent);
    if (typeof us === "number") return `${short(us)} µs`;
    return ulp == null ? "" : `${typeof ulp === "number" ? ulp.toFixed(2) : ulp} ulp`;
  }

  async function copy(text, button) {
    const before = button.textContent;
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      const area = h("textarea", { readonly: true });
      area.value = text;
      button.after(area);
      area.select();
      button.textContent = document.execCommand("copy") ? "Copied" : "Not copied";
      area.remove();
    }
    setTimeout(() => { button.textContent = before; }, 1500);
  }

  function options(select, values, labels = values) {
    const filled = values.map((value, place) => h("option", { value }, labels[place]));
    select.replaceChildren(...filled);
  }

  // ---- the head and the matrix ----

  function head() {
    const { report } = data;
    const [state, ...rest] = data.conclusion.split(": ");
    const kind = report.blocks ? "bad" : "good";
    const mark = h("span", { "aria-hidden": "true" }, report.blocks ? "✕" : "✓");
    $("conclusion").append(
      h("span", { class: `badge big ${kind}` }, mark, state), rest.join(": "));
    const when = report.date ? new Date(report.date).toISOString().slice(0, 16).replace("T", " ") : "";
    const dirty = report.dirty ? ", with changes that are not committed" : "";
    const rows = report.rows.length > 1 ? "rows" : "row";
    $("state").textContent = [
      `${rows} ${report.rows.join(", ")}`, `commit ${report.commit.slice(0, 12)}${dirty}`,
      when && `judged ${when} UTC`,
    ].filter(Boolean).join(" · ");
    for (const section of document.querySelectorAll("main > section:not([hidden])")) {
      const link = h("a", { href: `#${section.id}` }, section.querySelector("h2").textContent);
      $("contents").append(link);
    }
  }

  function glance() {
    const checks = unique(data.cases.map((one) => one.check));
    const groups = new Map();
    const dtypes = new Map(checks.map((check) => [check, new Set()]));
    for (const one of data.cases) {
      const key = `${one.row} ${one.check} ${one.dtype}`;
      if (!groups.has(key)) groups.set(key, []);
      groups.get(key).push(one);
      dtypes.get(one.check).add(one.dtype);
    }
    const over = checks.map((check) =>
      h("th", { scope: "colgroup", colspan: dtypes.get(check).size }, check));
    const under = checks.flatMap((check) =>
      [...dtypes.get(check)].map((dtype) => h("th", { scope: "col" }, dtype)));
    const rows = data.report.rows.map((row) => h("tr", {},
      h("th", { scope: "row" }, row, h("div", { class: "quiet" }, data.rows[row]?.device ?? "")),
      checks.flatMap((check) => [...dtypes.get(check)].map((dtype) =>
        h("td", {}, square(row, check, dtype, groups.get(`${row} ${check} ${dtype}`)))))));
    $("matrix-table").append(h("table", { class: "glance" },
      h("thead", {}, h("tr", {}, h("td"), over), h("tr", {}, h("td"), under)),
      h("tbody", {}, rows)));
    const used = unique(data.cases.map((one) => one.verdict));
    $("legend").append(...used.map((verdict) => {
      const [symbol, kind] = look(verdict);
      const count = data.cases.filter((one) => one.verdict === verdict).length;
      return h("span", {}, h("span", { class: kind }, symbol), ` ${verdict} ${count}`);
    }));
  }

  function square(row, check, dtype, cases) {
    if (!cases) return h("span", { class: "quiet" }, "");
    const counts = new Map();
    for (const one of cases) counts.set(one.verdict, (counts.get(one.verdict) ?? 0) + 1);
    const verdicts = [...counts.keys()].sort((a, b) => gravity(a) - gravity(b));
    const [symbol, kind] = look(verdicts[0]);
    const bad = cases.filter((one) => one.blocks).length;
    const text = bad && bad < cases.length ? `${bad} of ${cases.length}` : `${cases.length}`;
    const said = verdicts.map((verdict) => `${counts.get(verdict)} ${verdict}`).join(", ");
    return h("button", {
      type: "button", class: `cell ${kind}`, title: said,
      "aria-label": `${row} ${dtype}, ${check}: ${said}`,
      onclick: () => {
        $("check").value = check;
        $("verdict").value = "";
        $("filter").value = `${row}-${dtype}`;
        List.show();
        $("cases").scrollIntoView();
        $("grid").focus({ preventScroll: true });
      },
    }, h("span", { "aria-hidden": "true" }, `${symbol} `), text);
  }

  // ---- the list of cases ----

  const verdicts = unique(data.cases.map((one) => one.verdict));
  verdicts.sort((a, b) => gravity(a) - gravity(b));
  const checks = unique(data.cases.map((one) => one.check));

  const List = longTable({ h, options }, {
    at: { grid: $("grid"), head: $("grid-head"), body: $("grid-body"), filter: $("filter"),
      form: $("filters"), count: $("count") },
    items: data.cases,
    noun: "case",
    columns: [
      ["Verdict", (one) => gravity(one.verdict), (one) => ["", badge(one.verdict)]],
      ["Case", (one) => one.id, (one) => ["id mono", one.id]],
      ["Check", (one) => one.check, (one) => ["of", one.check]],
      ["Error or time", (one) => one.numbers.time_percent ?? one.numbers.max_ulp ?? -Infinity,
        (one) => ["worst", worst(one)]],
      ["Cause", cause, (one) => ["cause", cause(one)]],
    ],
    selects: [
      [$("verdict"), ["", "blocks", ...verdicts], ["all", "any that blocks", ...verdicts],
        (one, value) => (value === "blocks" ? one.blocks : one.verdict === value)],
      [$("check"), ["", ...checks], ["all", ...checks], (one, value) => one.check === value],
    ],
    words: (one) => `${one.id} ${one.verdict} ${one.check} ${one.reason}`,
    rank: (one) => (one.blocks ? 0 : 1),
    open: (one) => open(one.id, one.check),
  });

  // ---- one case ----

  const dialog = $("details");
  let from = $("grid"); // the table to go back to

  // Opens the dialog with these parts, under an address of their own.
  function present(title, link, parts, table) {
    from = table;
    $("details-title").textContent = title;
    $("details-body").replaceChildren(...parts);
    if (location.hash !== link) history.replaceState(null, "", link);
    if (!dialog.open) dialog.showModal();
    dialog.scrollTop = 0;
  }

  function open(id, check = "") {
    const found = data.cases.filter((one) => one.id === id);
    if (!found.length) {
      dialog.close();
      $("filter").value = id;
      List.show();
      $("count").textContent = `no case ${id} in this report`;
      return;
    }
    found.sort((a, b) => (b.check === check) - (a.check === check) || b.blocks - a.blocks);
    const parts = [...found.flatMap(answer), ...kept(found[0]), ...costs(found[0])];
    present(id, `#case=${encodeURIComponent(id)}`, parts, $("grid"));
  }

  function answer(one) {
    return [
      h("div", { class: "verdict" }, badge(one.verdict), h("strong", {}, one.check)),
      one.reason && h("pre", { class: "reason" }, one.reason),
      facts(one), ...reproduce(one.reproduce),
    ].filter(Boolean);
  }

  function reproduce(command) {
    const button = h("button", { type: "button", onclick: () => copy(command, button) }, "Copy");
    const again = h("div", { class: "again" }, h("pre", { class: "reproduce" }, command), button);
    return [h("h3", {}, "Reproduce"), again];
  }

  function facts(one) {
    const pairs = [];
    const { numbers } = one;
    const known = new Set(["max_ulp", "time_us", "floor_us", "ratio_to_floor", "limit_percent"]);
    const most = data.max_ulp[one.kernel]?.[one.dtype];
    if (numbers.max_ulp != null) {
      const allowed = most == null ? "" : `, at most ${most} promised`;
      pairs.push(["Error against the oracle", `${figure(numbers.max_ulp)} ulp${allowed}`]);
    }
    if (numbers.time_us != null) pairs.push(["Time", `${short(numbers.time_us)} µs`]);
    if (numbers.floor_us != null) {
      pairs.push(["Floor", `${short(numbers.floor_us)} µs; ${short(numbers.ratio_to_floor)} times it`]);
    }
    const effects = { time: "Against the baseline", ratio: "Over the floor, against the baseline",
      against: "Against the baseline's code, beside it" };
    for (const [name, title] of Object.entries(effects)) {
      const [middle, low, high] = ["percent", "low", "high"].map((part) => numbers[`${name}_${part}`]);
      ["percent", "low", "high"].forEach((part) => known.add(`${name}_${part}`));
      if (typeof middle !== "number") continue;
      const within = [low, high].map((end) => (typeof end === "number" ? end.toFixed(2) : end)).join(" to ");
      const limit = numbers.limit_percent == null ? "" : `; limit ${short(numbers.limit_percent)} %`;
      pairs.push([title, `${signed(middle)} (${within})${limit}`]);
    }
    if (one.digest) pairs.push(["Digest", h("code", {}, one.digest)], ...blessed(one));
    for (const [name, value] of Object.entries(numbers)) {
      if (!known.has(name)) pairs.push([titled(name), figure(value)]);
    }
    if (one.seconds != null) pairs.push(["Took", `${one.seconds.toFixed(1)} s`]);
    return h("dl", {}, pairs.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
  }

  const titled = (name) => name[0].toUpperCase() + name.slice(1).replaceAll("_", " ");
  const figure = (value) => (typeof value === "number" ? short(value) : String(value));

  function blessed(one) {
    const golden = data.golden[one.kernel]?.[caseName(one)];
    if (one.check !== "parity" || !golden) return [];
    const same = golden === one.digest;
    const text = same ? "the same" : golden;
    const mark = h("span", { class: same ? "good" : "bad" }, same ? "✓ " : "✕ ");
    return [["Golden digest", h("span", { class: "golden" }, mark, same ? text : h("code", {}, text))]];
  }

  // The stored figures of a case: its baseline, and the verdicts of earlier runs.
  function kept(one) {
    const parts = [];
    const baseline = data.baselines.find((each) => each.row === one.row && each.kernel === one.kernel);
    const times = baseline?.cases[one.id];
    if (times) {
      const line = { cells: [times.commit.slice(0, 12), `${times.us.toFixed(3)} µs`,
        `${times.low.toFixed(3)} to ${times.high.toFixed(3)} µs`, times.ratio, times.processes] };
      const head = ["Commit", "Time", "Of its processes", "Over the floor", "Processes"];
      parts.push(h("h3", {}, "Baseline"), h("div", { class: "scroll" }, table(head, [line])));
    }
    const card = data.cards.find((each) => each.row === one.row)?.cases[one.id];
    if (card) {
      const least = card.visible == null ? "nothing planted was" : `${card.visible.toFixed(2)} %`;
      parts.push(h("p", { class: "quiet" }, `Visible in 95 of 100 runs, by the gate card: ${least}`));
    }
    const lines = Sections.runsOf(one.id);
    if (lines.length) {
      const head = ["Commit", "Check", "Verdict", "Time", "Over the floor"];
      parts.push(h("h3", {}, "Runs"), h("div", { class: "scroll" }, table(head, lines.slice(-20).reverse())));
    }
    return parts;
  }

  function costs(one) {
    const lock = data.codegen[one.kernel];
    if (!lock) return [];
    const axes = Object.entries(one.shape).filter(([axis]) => axis !== "T");
    const wanted = axes.map(([axis, size]) => `-${axis}${size}-`);
    const exact = `-T${one.shape.T}-`;
    let builds = Object.keys(lock.builds).filter((name) =>
      name.startsWith(`${one.dtype}-`) && wanted.every((axis) => name.includes(axis)));
    if (builds.some((name) => name.includes(exact))) {
      builds = builds.filter((name) => name.includes(exact));
    }
    if (!builds.length) return [];
    const arch = data.rows[one.row]?.arch;
    const lines = builds.flatMap((name) => Object.entries(lock.builds[name]).map(([of, cost]) => ({
      cells: [of, name, cost.registers, cost.spills, cost.shared, cost.resident_warps,
        cost.instructions_per_row], here: of === arch,
    })));
    lines.sort((a, b) => (b.here ? 1 : 0) - (a.here ? 1 : 0));
    const head = ["Architecture", "Build", "Registers", "Spills", "Shared", "Warps", "Instr. a row"];
    const tools = Object.entries(lock.toolchain).map((pair) => pair.join(" ")).join(", ");
    return [h("h3", {}, "Code, as locked"),
      h("p", { class: "quiet" }, `${lock.date}, ${tools}: ${lock.reason}`),
      h("div", { class: "scroll" }, table(head, lines, { class: "costs" }))];
  }

  function shut() {
    const isOpened = /^#(case|mutant)=/.test(location.hash);
    if (isOpened) history.replaceState(null, "", `#${from.closest("section").id}`);
    from.focus({ preventScroll: true });
  }

  function follow() {
    const [, kind, name] = location.hash.match(/^#(case|mutant)=(.*)$/) ?? [];
    if (kind === "case") open(decodeURIComponent(name));
    else if (kind === "mutant") Sections.openMutant(decodeURIComponent(name));
    else if (dialog.open) dialog.close();
  }

  function keyboard(event) {
    const isTyping = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
    if (event.key === "/" && !isTyping && !dialog.open && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      $("filter").focus();
      $("filter").select();
    }
  }

  // ---- the sections below, each only if it has something to show ----

  const Sections = sections(data, {
    $, h, table, badge, options, unique, short, signed, present, reproduce,
  });

  function start() {
    Sections.reveal();
    head();
    glance();
    List.start();
    dialog.addEventListener("close", shut);
    dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
    $("close").addEventListener("click", () => dialog.close());
    $("link").addEventListener("click", () => copy(location.href, $("link")));
    addEventListener("hashchange", follow);
    addEventListener("keydown", keyboard);
    follow();
    performance.mark("opened");
    requestAnimationFrame(() => setTimeout(() => {
      Sections.draw();
      performance.mark("drawn");
    }));
  }

  start();
})();
