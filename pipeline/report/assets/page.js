"use strict";
// The page: everything is drawn from the JSON within it, and written as text, never as markup.

(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const $ = (id) => document.getElementById(id);
  const { short } = Charts;

  // A verdict's symbol and its kind; the kind gives the colour.
  const LOOKS = {
    pass: ["✓", "good"], same: ["=", "good"], faster: ["▲", "good"], skip: ["–", "none"],
    fail: ["✕", "bad"], slower: ["▼", "bad"], error: ["!", "bad"], timeout: ["⧗", "bad"],
    changed: ["≠", "bad"], inconclusive: ["?", "doubt"], "no-baseline": ["○", "doubt"],
    "wrong-machine": ["⇄", "doubt"], missing: ["∅", "silent"],
  };
  const look = (verdict) => LOOKS[verdict] ?? ["•", data.good.includes(verdict) ? "good" : "bad"];
  const ORDER = ["bad", "silent", "doubt", "none", "good"];
  const gravity = (verdict) => ORDER.indexOf(look(verdict)[1]);

  // An element; a string among its children is text.
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

  // ---- the list of cases: only the lines in sight are elements ----

  const List = (() => {
    const COLUMNS = [["verdict", "Verdict"], ["id", "Case"], ["check", "Check"],
      ["worst", "Error or time"], ["cause", "Cause"]];
    let shown = [];
    let here = 0;
    let sorted = ["", 1];
    let top = 0; // the first line that is an element
    const grid = $("grid");
    const body = $("grid-body");
    const said = data.cases.map((one) =>
      `${one.id} ${one.verdict} ${one.check} ${one.reason}`.toLowerCase());
    const keys = {
      verdict: (one) => gravity(one.verdict), id: (one) => one.id, check: (one) => one.check,
      worst: (one) => one.numbers.time_percent ?? one.numbers.max_ulp ?? -Infinity,
      cause: cause,
    };
    const collator = new Intl.Collator("en", { numeric: true });

    function show() {
      const words = $("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
      const verdict = $("verdict").value;
      const check = $("check").value;
      shown = data.cases.filter((one, place) =>
        (!verdict || (verdict === "blocks" ? one.blocks : one.verdict === verdict))
        && (!check || one.check === check)
        && words.every((word) => said[place].includes(word)));
      const [column, way] = sorted;
      const key = keys[column];
      if (key) {
        const kept = new Map(shown.map((one) => [one, key(one)]));
        shown.sort((a, b) => {
          const [x, y] = [kept.get(a), kept.get(b)];
          return way * (typeof x === "number" && typeof y === "number"
            ? x - y || 0 : collator.compare(x, y));
        });
      } else {
        shown.sort((a, b) => b.blocks - a.blocks);
      }
      here = 0;
      grid.scrollTop = 0;
      grid.setAttribute("aria-rowcount", shown.length + 1);
      $("count").textContent = shown.length === data.cases.length
        ? `${shown.length.toLocaleString("en")} cases`
        : `${shown.length.toLocaleString("en")} of ${data.cases.length.toLocaleString("en")} cases`;
      draw();
    }

    const size = () => parseFloat(getComputedStyle(document.documentElement).fontSize)
      * parseFloat(getComputedStyle(document.documentElement).getPropertyValue("--row"));

    const above = (high) => Math.max(0, Math.floor(grid.scrollTop / high) - 8);

    // Lines are replaced only when others come into sight: a click may have begun on one of them.
    function scrolled() {
      if (above(size()) !== top) draw();
    }

    function draw(all = false) {
      const high = size();
      body.style.height = `${Math.max(shown.length, 1) * high}px`;
      const first = all ? 0 : above(high);
      top = first;
      const count = all ? 1000 : Math.ceil(grid.clientHeight / high) + 16;
      const lines = shown.slice(first, first + count).map((one, place) => line(one, first + place, high));
      const empty = h("div", { class: "empty", role: "row" },
        h("span", { role: "gridcell" }, "no case fits: clear the filter to see them all"));
      body.replaceChildren(...(shown.length ? lines : [empty]));
      const active = $(`line-${here}`);
      if (active) grid.setAttribute("aria-activedescendant", active.id);
      else grid.removeAttribute("aria-activedescendant");
    }

    function line(one, place, high) {
      const cell = (name, child) => h("span", { role: "gridcell", class: name }, child);
      const element = h("div", {
        role: "row", class: "line", id: `line-${place}`, "aria-rowindex": place + 2,
        "aria-selected": String(place === here), "data-id": one.id,
        onclick: () => { here = place; draw(); open(one.id, one.check); },
      }, cell("", badge(one.verdict)), cell("id mono", one.id), cell("of", one.check),
      cell("worst", worst(one)), cell("cause", cause(one)));
      element.style.top = `${place * high}px`;
      return element;
    }

    function move(to) {
      here = Math.max(0, Math.min(shown.length - 1, to));
      const high = size();
      const at = here * high;
      const seen = grid.clientHeight - $("grid-head").offsetHeight;
      if (at < grid.scrollTop) grid.scrollTop = at;
      else if (at + high > grid.scrollTop + seen) grid.scrollTop = at + high - seen;
      draw();
    }

    function key(event) {
      if (event.target !== grid) return;
      const page = Math.max(1, Math.floor(grid.clientHeight / size()) - 2);
      const moves = {
        ArrowDown: here + 1, ArrowUp: here - 1, PageDown: here + page, PageUp: here - page,
        Home: 0, End: shown.length - 1,
      };
      if (event.key in moves) move(moves[event.key]);
      else if (event.key === "Enter" && shown[here]) open(shown[here].id, shown[here].check);
      else return;
      event.preventDefault();
    }

    function sort(column) {
      const [before, way] = sorted;
      sorted = before !== column ? [column, 1] : way === 1 ? [column, -1] : ["", 1];
      heads();
      show();
    }

    function heads() {
      $("grid-head").replaceChildren(...COLUMNS.map(([name, title]) => {
        const way = sorted[0] === name ? sorted[1] : 0;
        const state = way ? (way > 0 ? "ascending" : "descending") : "none";
        const arrow = way ? (way > 0 ? " ↑" : " ↓") : "";
        return h("span", { role: "columnheader", "aria-sort": state },
          h("button", { type: "button", class: "sort", onclick: () => sort(name) }, title + arrow));
      }));
    }

    function start() {
      const verdicts = unique(data.cases.map((one) => one.verdict));
      verdicts.sort((a, b) => gravity(a) - gravity(b));
      options($("verdict"), ["", "blocks", ...verdicts], ["all", "any that blocks", ...verdicts]);
      const checks = unique(data.cases.map((one) => one.check));
      options($("check"), ["", ...checks], ["all", ...checks]);
      $("filter").addEventListener("input", show);
      for (const id of ["verdict", "check"]) $(id).addEventListener("change", show);
      $("filters").addEventListener("submit", (event) => {
        event.preventDefault();
        grid.focus();
      });
      grid.addEventListener("scroll", scrolled);
      grid.addEventListener("keydown", key);
      addEventListener("resize", () => draw());
      addEventListener("beforeprint", () => draw(true));
      addEventListener("afterprint", () => draw());
      heads();
      show();
    }

    return { start, show };
  })();

  // ---- one case ----

  const dialog = $("details");

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
    $("details-title").textContent = id;
    const parts = [...found.flatMap(answer), ...kept(found[0]), ...costs(found[0])];
    $("details-body").replaceChildren(...parts);
    const link = `#case=${encodeURIComponent(id)}`;
    if (location.hash !== link) history.replaceState(null, "", link);
    if (!dialog.open) dialog.showModal();
    dialog.scrollTop = 0;
  }

  function answer(one) {
    const button = h("button", { type: "button", onclick: () => copy(one.reproduce, button) }, "Copy");
    const again = h("div", { class: "again" }, h("pre", { class: "reproduce" }, one.reproduce), button);
    return [
      h("div", { class: "verdict" }, badge(one.verdict), h("strong", {}, one.check)),
      one.reason && h("pre", { class: "reason" }, one.reason),
      facts(one), h("h3", {}, "Reproduce"), again,
    ].filter(Boolean);
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

  // What is stored of a case: its baseline, and what the runs before said.
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
    if (location.hash.startsWith("#case=")) history.replaceState(null, "", "#cases");
    $("grid").focus({ preventScroll: true });
  }

  function follow() {
    const { hash } = location;
    if (hash.startsWith("#case=")) open(decodeURIComponent(hash.slice(6)));
    else if (dialog.open) dialog.close();
  }

  function keyboard(event) {
    const isTyping = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
    if (event.key === "/" && !isTyping && !dialog.open && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      $("filter").focus();
      $("filter").select();
    } else if (event.key === "Escape" && event.target === $("filter")) {
      $("filter").value = "";
      List.show();
      $("grid").focus();
    }
  }

  // ---- the sections below, each only where there is something to show ----

  const Sections = sections(data, { $, h, table, badge, options, unique, short, signed });

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
