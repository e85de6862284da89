"use strict";
// The page's behaviour: the table of systems, the scatter of all, and the charts of one. Nothing is loaded.
const report = JSON.parse(document.getElementById("report-data").textContent);
const byId = (id) => document.getElementById(id);
const isDark = window.matchMedia("(prefers-color-scheme: dark)");
const MANY = 2000; // points from which on a canvas draws them
const PAGE = 25; // rows of the table at first
const PRINTED = 500; // rows of the table that are printed, at most
const PERIOD = "best_mode_period_days"; // the column of it
const FIRST = 3; // columns of numbers that stand before the flags
let model, table, shown, opener;

// --- small things -------------------------------------------------------------------------------------------------
function element(tag, text, attributes = {}) {
  const made = Object.assign(document.createElement(tag), attributes);
  if (text !== undefined) made.textContent = text;
  return made;
}

function options(select, entries, chosen) {
  select.replaceChildren(...entries.map(([value, label]) => element("option", label, { value })));
  if (chosen !== undefined) select.value = chosen;
}

// A number; with a standard deviation to two digits of that, and in a table as 2.841146(14).
function written(value, sd, short = false) {
  if (value === null || value === undefined) return "";
  const small = (x) => x !== 0 && (Math.abs(x) < 1e-4 || Math.abs(x) >= 1e7);
  const signed = (text) => text.replace("-", "−");
  if (!(sd > 0)) return signed(small(value) ? value.toExponential(2) : String(+value.toPrecision(4)));
  sd = Number(sd.toPrecision(2));
  const decimals = Math.max(1 - Math.floor(Math.log10(sd)), 0);
  if (decimals > 9) return signed(`${value.toPrecision(3)} ± ${sd.toPrecision(2)}`);
  if (!short) return signed(`${value.toFixed(decimals)} ± ${sd.toFixed(decimals)}`);
  return signed(`${value.toFixed(decimals)}(${sd >= 2 ? sd.toFixed(decimals) : Math.round(sd * 10 ** decimals)})`);
}

const spaced = (name) => name.replaceAll("_", " ");
const titled = (column) => (column.unit ? `${column.title} [${column.unit}]` : column.title);

// A script that is kept as text until it is needed, run as a module.
async function library(id) {
  const address = URL.createObjectURL(new Blob([byId(id).textContent], { type: "text/javascript" }));
  try {
    return await import(address);
  } finally {
    URL.revokeObjectURL(address);
  }
}
let vega;
async function draw(target, spec, renderer = "svg") {
  vega ??= library("vega-source");
  await vega;
  const ink = getComputedStyle(document.documentElement).getPropertyValue("--ink").trim();
  const line = getComputedStyle(document.documentElement).getPropertyValue("--line").trim();
  const axis = { labelColor: ink, titleColor: ink, tickColor: ink, domainColor: ink, gridColor: line, gridOpacity: 0.6, titleFontWeight: "normal", labelFontSize: 11, titleFontSize: 12 };
  const config = { background: null, view: { stroke: line }, axis, legend: { labelColor: ink, titleColor: ink }, title: { color: ink }, font: "system-ui, sans-serif" };
  const result = await window.vegaEmbed(target, { ...spec, config }, { mode: "vega-lite", actions: false, renderer, ast: false });
  return result.view;
}
const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

// --- the table ----------------------------------------------------------------------------------------------------
const SHOWN = {
  all: ["all systems", () => true],
  doubtful: ["those worth a second look", (i) => shown.doubtfulSet.has(i)],
  charted: ["those with charts", (i) => Object.hasOwn(shown.charts, shown.names[i])],
};

function rows() {
  const chosen = SHOWN[byId("only").value] ?? ["", (i) => shown.flags[i].split(";").includes(byId("only").value)];
  return shown.names.map((_, i) => i).filter(chosen[1]);
}

function nameButton(i) {
  const button = element("button", shown.names[i], { type: "button", className: "name" });
  button.addEventListener("click", () => open(i, button));
  return button;
}

function columnsOfTable() {
  const ofNumbers = shown.columns.map((column) => ({
    title: titled(column),
    className: "n",
    type: "num",
    data: null,
    render: (i, kind) => (kind === "sort" || kind === "type" ? (column.values[i] ?? -Infinity) : written(column.values[i], column.sd?.[i], true)),
  }));
  const name = {
    title: "system",
    type: "string",
    data: null,
    createdCell: (cell, i) => cell.replaceChildren(nameButton(i)),
    render: (i, kind) => (kind === "display" ? "" : shown.names[i]),
  };
  const words = (title, values) => ({
    title,
    type: "string",
    data: null,
    createdCell: (cell, i) => (cell.textContent = values[i] === "ok" ? "ok" : spaced(values[i]).replaceAll(";", ", ")),
    render: (i, kind) => (kind === "display" ? "" : `${spaced(values[i])} ${values[i]}`), // is found as it is written, and as in orbits.csv
  });
  const first = ofNumbers.slice(0, FIRST), others = ofNumbers.slice(FIRST);
  return [name, ...first, words("flags", shown.flags), words("status", shown.statuses), ...others];
}

async function fillTable() {
  const { default: DataTable } = await tables();
  table?.destroy();
  const made = element("table", undefined, { className: "dataTable" });
  made.append(element("caption", `Orbits under system model ${model}: posterior means, with the standard deviation of the last two digits, as in 2.841146(14). The period is that of the heaviest mode, all else over all possible periods.`));
  byId("table-holder").replaceChildren(made);
  table = new DataTable(made, {
    data: rows(),
    columns: columnsOfTable(),
    order: [],
    pageLength: PAGE,
    lengthMenu: [10, PAGE, 100, PRINTED],
    deferRender: true,
    autoWidth: false,
    layout: { topStart: "pageLength", topEnd: "search", bottomStart: "info", bottomEnd: "paging" },
    language: { search: "Search", lengthMenu: "_MENU_ rows a page", emptyTable: "no systems" },
  });
  const frame = byId("table-holder").querySelector(".dt-layout-table");
  Object.assign(frame, { tabIndex: 0, role: "region", ariaLabel: "Table of systems" });
  const left = shown.total - shown.names.length;
  byId("systems-note").textContent = left
    ? `Of ${shown.total.toLocaleString("en")} systems the ${shown.names.length.toLocaleString("en")} worth a second look stand here; all are in orbits.csv.`
    : "Sort by a click on a column's title; a click on a name opens the system.";
}

// --- all systems at one look --------------------------------------------------------------------------------------
function fillScatter() {
  const numeric = shown.columns.map((column, i) => [String(i), titled(column)]);
  const place = (name) => String(Math.max(shown.columns.findIndex((column) => column.name === name), 0));
  options(byId("across"), numeric, place(PERIOD));
  options(byId("up"), numeric, place("semi_amplitude_kms"));
}

async function drawScatter() {
  const [x, y] = ["across", "up"].map((id) => shown.columns[Number(byId(id).value)]);
  const values = shown.names.map((name, i) => ({ i, name, x: x.values[i], y: y.values[i], said: shown.kinds[i] }));
  const axis = (column) => {
    const logarithmic = column.log && column.values.every((value) => value === null || value > 0);
    return { type: "quantitative", title: titled(column), scale: { ...(logarithmic ? { type: "log" } : { zero: false }), nice: false, padding: 15 } };
  };
  const spec = {
    width: "container",
    height: 380,
    data: { values },
    params: [{ name: "zoom", select: { type: "interval", zoom: "wheel![event.shiftKey]" }, bind: "scales" }],
    mark: { type: "point", filled: true, opacity: 0.75, size: values.length > MANY ? 12 : 55, cursor: "pointer" },
    encoding: {
      x: { field: "x", ...axis(x) },
      y: { field: "y", ...axis(y) },
      color: { field: "said", title: null, scale: { domain: report.kinds, range: ["soft", "model", "accent"].map(color) }, legend: { orient: "top", columns: innerWidth < 600 ? 1 : 0 } },
      shape: { field: "said", scale: { domain: report.kinds, range: ["triangle-up", "circle", "cross"] } },
      tooltip: [{ field: "name", title: "system" }, { field: "x", title: titled(x), format: ".6~g" }, { field: "y", title: titled(y), format: ".6~g" }],
    },
  };
  const view = await draw(byId("scatter"), spec, values.length > MANY ? "canvas" : "svg");
  view.addEventListener("click", (_, item) => item?.datum?.i !== undefined && open(item.datum.i, byId("scatter")));
  describe(byId("scatter"), `${titled(y)} over ${titled(x)} of ${values.length} systems.`);
}

// What a chart is, for those who do not see it.
function describe(holder, text) {
  const drawn = holder.querySelector("svg, canvas");
  drawn.setAttribute("role", "img");
  drawn.setAttribute("aria-label", text);
  drawn.querySelectorAll("[role], [aria-label], [aria-roledescription]").forEach((part) => ["role", "aria-label", "aria-roledescription", "aria-hidden"].forEach((name) => part.removeAttribute(name)));
}

// --- one system ---------------------------------------------------------------------------------------------------
function open(i, from) {
  opener = from ?? opener;
  const name = shown.names[i], body = byId("system-body");
  byId("system-title").textContent = name;
  const charts = Object.hasOwn(shown.charts, name) ? shown.charts[name] : undefined;
  body.replaceChildren(periodOf(i, charts), said(i));
  const dialog = byId("system");
  dialog.dataset.row = i;
  if (!dialog.open) dialog.showModal();
  if (shown.statuses[i].startsWith("not used")) return;
  if (!charts) body.append(element("p", "No charts are kept of this system: of very many, those of a sample and of the systems worth a second look are.", { className: "note" }));
  else drawSystem(body, name, charts);
  body.append(element("h3", "Its orbit"), facts(i));
}

// One period: that at which the velocities are folded, else the mean of the heaviest mode; another only where it is another.
function periodOf(i, charts) {
  const of = (column) => [column?.values?.[i] ?? null, column?.sd?.[i] ?? null];
  const mode = of(shown.columns.find((column) => column.name === PERIOD)), every = of(shown.all_modes);
  const differs = ([value, sd], from) => value !== null && Math.abs(value - from) > (sd ?? 0);
  const said = element("p", undefined, { className: "lead" });
  const period = charts?.folded.period_days ?? mode[0];
  if (period === null) return said;
  const ofMode = !differs(mode, period);
  const hardly = shown.kinds[i] === report.kinds[0]; // which the flags below tell more of
  said.append(hardly ? "Hardly an orbit; if it is one, of " : "Period ", element("strong", `${ofMode ? written(period, mode[1]) : +period.toPrecision(7)} d`));
  if (charts && !ofMode) said.append(", of the highest posterior density");
  const others = [["of the heaviest mode", mode], ["of all modes", every]].filter(([, other]) => differs(other, period));
  said.append(others.map(([which, other]) => `; the mean ${which} is ${written(...other)} d`).join(""), ".");
  return said;
}

function facts(i) {
  const list = element("dl", undefined, { className: "facts" });
  for (const column of shown.columns.filter(({ name }) => name !== PERIOD)) {
    const entry = element("div");
    entry.append(element("dt", titled(column)), element("dd", written(column.values[i], column.sd?.[i]) || "–"));
    list.append(entry);
  }
  return list;
}

function said(i) {
  const list = element("ul");
  const flags = shown.flags[i].split(";").filter(Boolean);
  for (const flag of flags) {
    const item = element("li");
    item.append(element("strong", spaced(flag)), document.createTextNode(`: ${report.flags[flag] ?? ""}`));
    list.append(item);
  }
  if (!flags.length && shown.statuses[i] === "ok") list.append(element("li", "No flags."));
  if (shown.statuses[i] !== "ok") list.append(element("li", `Status: ${shown.statuses[i]}`, { className: "bad" }));
  return list;
}

async function drawSystem(body, name, charts) {
  const parts = [];
  if (charts.periodogram) parts.push(["Periodogram", "How far ln L of each period lies below the best. Drag to move, scroll to zoom; dashed: the Lomb-Scargle period; triangle: that of the highest posterior density, at which the orbit is folded, and which may be in a lower but wider peak.", periodogramOf(charts.periodogram, charts.folded.period_days)]);
  parts.push(["Folded at its period", "Trend and offsets are taken away; point at a visit for its day and residual.", foldedOf(charts.folded)]);
  if (charts.posterior.period.length) parts.push(["Posterior", "Exact, independent draws.", posteriorOf(charts.posterior)]);
  const pair = element("div", undefined, { className: "pair" });
  body.append(pair);
  const holders = parts.map(([title, text]) => {
    const part = element("div"), chart = element("div", undefined, { className: "chart" });
    part.append(element("h3", title), chart, element("p", text, { className: "note" }));
    pair.append(part);
    return chart;
  });
  for (const [i, [title, text, spec]] of parts.entries()) {
    const chart = holders[i];
    await draw(chart, { width: "container", height: 260, ...spec });
    describe(chart, `${title} of ${name}. ${text}`);
  }
}

const DECADES = [0, 1, 3, 10, 30, 100, 300, 1e3, 3e3, 1e4, 1e5, 1e6];
const zoom = (encodings) => [{ name: "zoom", select: { type: "interval", encodings }, bind: "scales" }];

function periodogramOf({ period, below, lomb_scargle }, chosen) {
  const values = period.map((p, i) => ({ p, below: below[i] }));
  const x = { field: "p", type: "quantitative", title: "period [d]", scale: { type: "log", domain: [Math.min(...period), Math.max(...period)], nice: false } };
  return {
    layer: [
      { data: { values: [{ p: lomb_scargle }] }, mark: { type: "rule", color: color("accent"), strokeDash: [6, 4] }, encoding: { x } },
      {
        data: { values },
        params: zoom(["x"]),
        mark: { type: "line", color: color("model"), strokeWidth: 1, clip: true },
        encoding: { x, y: { field: "below", type: "quantitative", title: "ln L of the best − ln L", scale: { type: "symlog", reverse: true }, axis: { values: DECADES } } },
      },
      { data: { values: [{ p: chosen }] }, mark: { type: "point", shape: "triangle-down", filled: true, size: 90, color: color("model"), y: 7 }, encoding: { x } },
      { data: { values }, mark: { type: "point", opacity: 0, size: 60, clip: true }, encoding: { x, y: { field: "below", type: "quantitative" }, tooltip: [{ field: "p", title: "period [d]", format: ".7~g" }, { field: "below", title: "below the best", format: ".4~g" }] } },
    ],
  };
}

function foldedOf(folded) {
  const values = folded.phase.map((phase, i) => ({ phase, rv: folded.rv[i], low: folded.rv[i] - folded.total_error[i], high: folded.rv[i] + folded.total_error[i], error: folded.error[i], day: folded.day[i], residual: folded.residual[i], instrument: folded.instrument?.[i] ?? "" }));
  const curve = folded.curve.map((rv, i) => ({ phase: i / (folded.curve.length - 1), rv }));
  const x = { field: "phase", type: "quantitative", title: "orbital phase", scale: { domain: [-0.02, 1.02], nice: false } };
  const y = { field: "rv", type: "quantitative", title: "radial velocity [km/s]", scale: { zero: false } };
  const several = folded.instrument ? { color: { field: "instrument", title: "instrument" } } : {};
  return {
    layer: [
      { data: { values: curve }, mark: { type: "line", color: color("model") }, encoding: { x, y } },
      { data: { values }, mark: { type: "rule", color: color("soft") }, encoding: { x, y: { field: "low", type: "quantitative" }, y2: { field: "high" } } },
      {
        data: { values },
        params: zoom(["x", "y"]),
        mark: { type: "point", filled: true, size: 40, opacity: 1, color: color("data") },
        encoding: { x, y, ...several, tooltip: [{ field: "day", title: "day", format: ".6~g" }, { field: "rv", title: "velocity [km/s]", format: ".6~g" }, { field: "error", title: "reported error", format: ".3~g" }, { field: "residual", title: "residual", format: ".3~g" }, ...(folded.instrument ? [{ field: "instrument" }] : [])] },
      },
    ],
  };
}

function posteriorOf({ period, other, middle_days, label }) {
  const title = middle_days === null ? "period [d]" : `period − ${middle_days} d [s]`;
  return {
    data: { values: period.map((x, i) => ({ x, y: other[i] })) },
    params: zoom(["x", "y"]),
    mark: { type: "point", filled: true, size: 16, opacity: 0.6, color: color("model") },
    encoding: { x: { field: "x", type: "quantitative", title, scale: { zero: false } }, y: { field: "y", type: "quantitative", title: label, scale: { zero: false } } },
  };
}

function step(by) {
  const order = table.rows({ search: "applied", order: "applied" }).data().toArray();
  if (!order.length) return;
  const at = order.indexOf(Number(byId("system").dataset.row));
  open(order[(at + by + order.length) % order.length]);
}

// --- on paper -----------------------------------------------------------------------------------------------------
// All that is folded is opened, and the table shows as many rows as are printed.
let folded = [];
function unfold() {
  folded = [...document.querySelectorAll("details:not([open])")];
  folded.forEach((details) => (details.open = true));
  table?.page.len(PRINTED).draw(false);
  const rowsShown = table?.rows({ search: "applied" }).count() ?? 0;
  byId("printed").textContent = rowsShown > PRINTED ? `The first ${PRINTED} of ${rowsShown} systems; all are in orbits.csv.` : "";
}
function fold() {
  folded.forEach((details) => (details.open = false));
  table?.page.len(PAGE).draw(false);
  byId("printed").textContent = "";
}

// --- everything together ------------------------------------------------------------------------------------------
async function choose(name) {
  model = name;
  shown = report.models[name];
  shown.doubtfulSet ??= new Set(shown.doubtful);
  const raised = [...new Set(shown.flags.flatMap((flags) => flags.split(";")))].filter(Boolean).sort();
  const charted = Object.keys(shown.charts).length < shown.names.length ? Object.entries(SHOWN) : Object.entries(SHOWN).filter(([key]) => key !== "charted");
  options(byId("only"), [...charted.map(([key, [label]]) => [key, label]), ...raised.map((flag) => [flag, `flag: ${spaced(flag)}`])], "all");
  fillScatter();
  await fillTable();
  await drawScatter();
}

let loaded;
const tables = () => (loaded ??= library("tables-source"));

async function start() {
  byId("controls").hidden = false;
  options(byId("model"), Object.keys(report.models).map((name) => [name, name]), report.first);
  byId("model").addEventListener("change", (event) => choose(event.target.value));
  byId("only").addEventListener("change", fillTable);
  for (const id of ["across", "up"]) byId(id).addEventListener("change", drawScatter);
  byId("close").addEventListener("click", () => byId("system").close());
  byId("previous").addEventListener("click", () => step(-1));
  byId("next").addEventListener("click", () => step(1));
  byId("system").addEventListener("close", () => opener?.focus?.());
  isDark.addEventListener("change", drawScatter);
  window.addEventListener("beforeprint", unfold);
  window.addEventListener("afterprint", fold);
  await choose(report.first);
  performance.mark("ready");
  document.documentElement.dataset.ready = "yes";
}
start();
