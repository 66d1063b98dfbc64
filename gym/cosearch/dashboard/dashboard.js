"use strict";
/* Follows a store: asks for its studies each second, draws those that are chosen with the report's own page.js.

Every text comes in as JSON and goes out as textContent, or as HTML that the server has escaped. */

const POLL_MS = 1000;
const REST = 4; /* after drawing for t, the page is left alone for at least REST * t */
const MOST_CHOSEN = 40;
const MOST_LISTED = 300;
const element = (id) => document.getElementById(id);
const writable = document.body.dataset.writable === "yes";
const listed = new Map(); /* study name -> its row */
const sections = new Map(); /* section key -> {place, figures} */
let known = [];
let chosen = new Set();
let touched = false; /* whether the reader has chosen */
let seen = { names: "", version: 0 };
let missed = 0;

function made(name, text = "", kind = "") {
  const node = document.createElement(name);
  node.textContent = text;
  if (kind) node.className = kind;
  return node;
}

async function ask(path, options) {
  const answer = await fetch(path, { cache: "no-store", ...options });
  const type = answer.headers.get("content-type") || "";
  if (!type.includes("json")) throw new Error(await answer.text());
  return answer.json();
}

function query(pairs) {
  return new URLSearchParams(pairs).toString();
}

/* ---------------------------------------------------------------- studies */

function rowOf(study) {
  const row = document.createElement("tr");
  const box = made("input");
  box.type = "checkbox";
  box.setAttribute("aria-label", `Show ${study.name}`);
  const first = document.createElement("td");
  first.append(box);
  row.append(first);
  for (const kind of ["", "", "", "number", "", "", "number", "number"]) row.append(made("td", "", kind));
  const status = made("span", "", "status");
  row.cells[5].append(status);
  const meter = made("div", "", "meter");
  const track = document.createElement("span");
  track.append(document.createElement("i"));
  meter.append(track, document.createElement("span"));
  row.cells[6].append(meter);
  box.addEventListener("click", (event) => { event.stopPropagation(); choose(study.name, box.checked); });
  row.addEventListener("click", () => { box.checked = !box.checked; choose(study.name, box.checked); });
  return { row, box, status, bar: meter.querySelector("i"), numbers: meter.lastChild };
}

function choose(name, on) {
  touched = true;
  if (on) chosen.add(name);
  else chosen.delete(name);
  follow();
}

function put(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function showStudies(found) {
  known = found.studies;
  const names = new Set(known.map((study) => study.name));
  for (const name of chosen) if (!names.has(name)) chosen.delete(name);
  if (!touched) chooseUsual();
  const filter = element("filter").value.trim().toLowerCase();
  const fits = (study) => `${study.name} ${study.problem} ${study.agent} ${study.status}`.toLowerCase().includes(filter);
  const shown = known.filter(fits).slice(0, MOST_LISTED);
  const body = element("studies");
  for (const [name, entry] of listed) {
    if (!shown.some((study) => study.name === name)) { entry.row.remove(); listed.delete(name); }
  }
  shown.forEach((study, place) => {
    if (!listed.has(study.name)) listed.set(study.name, rowOf(study));
    const entry = listed.get(study.name);
    const { cells } = entry.row;
    put(cells[1], study.name);
    cells[1].title = study.name;
    put(cells[2], study.problem);
    put(cells[3], study.agent);
    put(cells[4], String(study.seed));
    put(entry.status, study.status);
    entry.status.className = `status ${/^\w+$/.test(study.status) ? study.status : ""}`;
    entry.status.title = study.because;
    entry.bar.style.width = `${Math.min(100, (100 * study.evaluations) / Math.max(study.budget, 1))}%`;
    put(entry.numbers, `${study.evaluations.toLocaleString("en")} of ${study.budget.toLocaleString("en")}`);
    put(cells[7], study.rate);
    put(cells[8], String(study.workers));
    entry.box.checked = chosen.has(study.name);
    if (body.rows[place] !== entry.row) body.insertBefore(entry.row, body.rows[place] || null);
  });
  const left = known.filter(fits).length - shown.length;
  element("more").hidden = left === 0;
  put(element("more"), `and ${left.toLocaleString("en")} more: filter to see them`);
  showRunning();
  const troubles = [found.error, ...found.damaged].filter(Boolean);
  element("trouble").hidden = troubles.length === 0;
  put(element("trouble"), troubles.join(" · "));
}

/* What runs, else the newest study; those of the same problem, agent and goal are for the reader to add. */
function chooseUsual() {
  const running = known.filter((study) => study.status === "running").map((study) => study.name);
  chosen = new Set((running.length ? running : known.slice(0, 1).map((study) => study.name)).slice(0, MOST_CHOSEN));
}

function showRunning() {
  const rows = [];
  const notes = [];
  for (const study of known) {
    if (study.status !== "running") continue;
    for (const one of study.running) rows.push([study.name, one]);
    const more = study.under_way + study.waiting - study.running.length;
    const where = study.pid ? `process ${study.pid} on ${study.host}` : "it has not said what it runs";
    const wait = more > 0 ? `, ${more.toLocaleString("en")} more designs asked for` : "";
    const quiet = study.quiet ? `, no word for ${study.quiet} s` : "";
    notes.push(`${study.name}: ${study.workers} ${study.workers === 1 ? "worker" : "workers"}, ${where}${wait}${quiet}`);
  }
  element("workers").hidden = notes.length === 0;
  put(element("workers-note"), notes.join("; "));
  const body = element("running");
  while (body.rows.length > rows.length) body.deleteRow(-1);
  while (body.rows.length < rows.length) {
    const row = body.insertRow();
    for (const kind of ["", "number", "number", "", ""]) row.append(made("td", "", kind));
  }
  rows.forEach(([name, one], i) => {
    const { cells } = body.rows[i];
    const more = one.together > 1 ? ` (and ${one.together - 1} more with it)` : "";
    [name, String(one.number < 0 ? `wish ${-one.number}` : one.number), one.seconds, one.fidelity, one.design + more]
      .forEach((text, k) => { put(cells[k], text); cells[k].title = k === 4 ? text : ""; });
  });
}

/* ---------------------------------------------------------------- figures */

function figureNode(place) {
  const node = made("figure", "", place.wide && /parallel/.test(place.kind) ? "full" : "");
  node.append(made("h3", place.title, "title"), made("figcaption", place.caption, "caption"));
  const controls = made("div", "", "controls");
  controls.id = `${place.id}-controls`;
  const frame = made("div", "", "plot-frame");
  frame.tabIndex = 0;
  const plot = made("div", "", place.kind);
  plot.id = place.id;
  plot.setAttribute("style", place.style);
  plot.setAttribute("role", "img");
  plot.setAttribute("aria-label", place.title);
  frame.append(plot);
  node.append(controls, frame);
  return node;
}

const switches = ({ log, zoom, gap, subset, colours }) =>
  JSON.stringify([Object.keys(log || {}), Boolean(zoom), Boolean(gap), Boolean(subset), (colours || []).map((one) => one.axis)]);

/* The same figure with new data keeps its zoom, its switches and its brushes; other switches begin anew. */
function renewed(old, fresh) {
  const same = switches(old.controls) === switches(fresh.controls);
  Object.assign(old, { traces: fresh.traces, layout: fresh.layout, controls: fresh.controls });
  if (!same) {
    element(`${old.id}-controls`).replaceChildren();
    addControls(old);
  }
  if (old.parallel) {
    const { axes, colours, subset } = old.controls;
    const brushes = axes.length === old.parallel.axes.length ? old.parallel.brushes : axes.map(() => null);
    Object.assign(old.parallel, { axes, colours, onFront: subset, brushes });
  }
}

function prepared(figure) {
  return { ...figure, traces: resolve(figure.traces), layout: { ...figure.layout, uirevision: "kept" } };
}

async function showFigures(holder, places, fresh, old, pick) {
  const alike = old.length === fresh.length && fresh.every((f, i) => f.id === old[i].id && places[i].title === old[i].title);
  if (!alike) {
    for (const figure of old) figures.splice(figures.indexOf(figure), 1);
    holder.replaceChildren(...places.map(figureNode));
    old.length = 0;
    fresh.forEach((figure, i) => old.push({ ...prepared(figure), title: places[i].title }));
    figures.push(...old);
    old.forEach(addControls);
  } else {
    fresh.forEach((figure, i) => renewed(old[i], prepared(figure)));
    places.forEach((place, i) => put(holder.children[i].querySelector("figcaption"), place.caption));
  }
  for (const figure of old) {
    await tryToDraw(figure);
    const plot = element(figure.id);
    if (pick && plot && plot.on && !figure.listens) {
      figure.listens = true;
      plot.on("plotly_click", (event) => pick(event.points[0]));
    }
    await new Promise((done) => setTimeout(done)); /* keep the page answering */
  }
}

/* ---------------------------------------------------------------- sections */

function sectionOf(key) {
  if (!sections.has(key)) {
    const place = document.createElement("section");
    place.append(made("div", "", "head"), made("div", "", "plots"), made("div", "", "tables"));
    sections.set(key, { place, figures: [], tables: "" });
  }
  return sections.get(key);
}

async function showView(view) {
  report.columns = view.columns;
  report.palette = view.palette;
  const keys = new Set(view.sections.map((section) => section.key));
  for (const [key, { place, figures: old }] of sections) {
    if (keys.has(key)) continue;
    for (const figure of old) figures.splice(figures.indexOf(figure), 1);
    place.remove();
    sections.delete(key);
  }
  for (const section of view.sections) {
    const entry = sectionOf(section.key);
    if (!entry.place.isConnected) element("sections").append(entry.place);
    const [head, plots, tables] = entry.place.children;
    if (entry.head !== section.head) { head.innerHTML = entry.head = section.head; }
    if (entry.tables !== section.tables) showTables(tables, section, entry);
    await showFigures(plots, section.places, section.figures, entry.figures, (point) => pickPoint(section, point));
  }
  document.documentElement.dataset.version = String(view.version);
}

/* A table that is renewed stays scrolled and sorted as it was. */
function showTables(holder, section, entry) {
  const before = new Map(Array.from(holder.querySelectorAll(".table"), (one) => [one.getAttribute("aria-label"), one]));
  const kept = new Map(Array.from(before, ([label, one]) => {
    const sorted = one.querySelector("th[aria-sort=ascending], th[aria-sort=descending]");
    return [label, { top: one.scrollTop, left: one.scrollLeft, column: sorted?.cellIndex, order: sorted?.getAttribute("aria-sort") }];
  }));
  holder.innerHTML = entry.tables = section.tables;
  for (const table of holder.querySelectorAll(".table")) {
    for (const header of table.querySelectorAll("th[aria-sort]")) {
      header.firstElementChild.addEventListener("click", () => sortBy(header, header.getAttribute("aria-sort") !== "ascending"));
    }
    const was = kept.get(table.getAttribute("aria-label"));
    if (!was) continue;
    const header = was.column === undefined ? null : table.querySelector("tr").cells[was.column];
    if (header) sortBy(header, was.order === "ascending");
    table.scrollTop = was.top;
    table.scrollLeft = was.left;
  }
  for (const row of holder.querySelectorAll("tr[data-pick]")) {
    const open = () => showDesign({ study: row.dataset.study, key: row.dataset.pick });
    row.addEventListener("click", open);
    row.addEventListener("keydown", (event) => { if (event.key === "Enter") open(); });
  }
}

function sortBy(header, ascending) {
  for (const other of header.parentElement.cells) if (other.hasAttribute("aria-sort")) other.setAttribute("aria-sort", "none");
  header.setAttribute("aria-sort", ascending ? "ascending" : "descending");
  sortTable(header.closest("table"), header.cellIndex, ascending);
}

function pickPoint(section, point) {
  const data = point?.customdata;
  if (!Array.isArray(data)) return;
  const [study, row] = data.slice(-2);
  if (Number.isInteger(row) && section.studies[study] !== undefined) showDesign({ study: section.studies[study], row: String(row) });
}

/* ---------------------------------------------------------------- a design */

const opened = { figures: [] };

function clearDesign() {
  for (const figure of opened.figures) figures.splice(figures.indexOf(figure), 1);
  opened.figures = [];
  element("design-body").replaceChildren();
  element("design-figures").replaceChildren();
  element("wish").hidden = true;
}

async function showDesign(which) {
  clearDesign();
  put(element("design-title"), which.study);
  element("design-body").append(made("p", "Reading the design and drawing its pictures…", "caption"));
  if (!element("design").open) element("design").showModal();
  opened.which = which;
  let found;
  try {
    found = await ask(`/api/design?${query(which)}`);
  } catch (error) {
    found = { error: error.message };
  }
  if (opened.which !== which) return;
  if (found.error) {
    element("design-body").replaceChildren(made("p", found.error, "caution"));
    return;
  }
  put(element("design-title"), found.title);
  element("design-body").innerHTML = found.html;
  for (const button of element("design-body").querySelectorAll("button[data-copy]")) {
    button.addEventListener("click", async () => { await copy(button.dataset.copy); put(button, "Copied"); });
  }
  await showFigures(element("design-figures"), found.places, found.figures, opened.figures, null);
  await showForm(which.study, found.design);
}

async function showForm(study, design) {
  const form = await ask(`/api/form?${query({ study })}`);
  if (form.error || !writable) return;
  put(element("wish-said"), "");
  const when = form.status === "running" ? "the study runs and takes it up within a second or so" : "the study does not run: it takes it up when it goes on";
  const left = form.left ? "" : " Its budget is spent, so that needs a larger one (cosearch resume --budget).";
  put(element("wish-caption"), `Change what you like and have it evaluated: ${when}.${left} What is inactive is ignored.`);
  element("wish-fields").replaceChildren(...form.parameters.map((parameter) => fieldOf(parameter, design)), fidelityField(form));
  element("wish").dataset.study = study;
  element("wish").hidden = false;
}

const asText = (value) => (typeof value === "string" ? value : JSON.stringify(value));

function fieldOf(parameter, design) {
  const label = made("label", parameter.name);
  label.title = parameter.description;
  const value = parameter.name in design ? design[parameter.name] : parameter.default;
  let input;
  if (parameter.choices) {
    input = document.createElement("select");
    parameter.choices.forEach((choice, i) => input.append(new Option(asText(choice), String(i))));
    input.value = String(parameter.choices.findIndex((choice) => JSON.stringify(choice) === JSON.stringify(value)));
    input.read = () => parameter.choices[Number(input.value)];
  } else {
    input = document.createElement("input");
    input.value = asText(value);
    input.placeholder = parameter.text || `${parameter.low} to ${parameter.high}`;
    input.read = () => { try { return JSON.parse(input.value); } catch { return input.value; } };
  }
  input.dataset.name = parameter.name;
  label.append(input);
  return label;
}

function fidelityField(form) {
  const label = made("label", "fidelity");
  const input = document.createElement("select");
  for (const name of form.fidelities) input.append(new Option(name, name));
  input.value = form.fidelity;
  input.id = "wish-fidelity";
  label.append(input);
  label.hidden = form.fidelities.length < 2;
  return label;
}

element("wish").addEventListener("submit", async (event) => {
  event.preventDefault();
  const fields = element("wish-fields").querySelectorAll("[data-name]");
  const design = Object.fromEntries(Array.from(fields, (input) => [input.dataset.name, input.read()]));
  const said = element("wish-said");
  let found;
  try {
    found = await ask("/api/enqueue", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ study: element("wish").dataset.study, design, fidelity: element("wish-fidelity").value }),
    });
  } catch (error) {
    found = { error: error.message };
  }
  said.className = found.error ? "bad" : "";
  put(said, found.error || found.said);
});

element("design-close").addEventListener("click", () => element("design").close());
element("design").addEventListener("close", () => { opened.which = null; clearDesign(); });

/* ---------------------------------------------------------------- following */

let following = null;
let restUntil = 0;

async function follow() {
  const names = known.map((study) => study.name).filter((name) => chosen.has(name)).slice(0, MOST_CHOSEN);
  const key = JSON.stringify(names);
  if (key !== seen.names) { seen = { names: key, version: 0 }; restUntil = 0; }
  if (following || performance.now() < restUntil) return;
  const mine = seen;
  following = (async () => {
    const pairs = [...names.map((name) => ["study", name]), ["seen", String(mine.version)]];
    const view = await ask(`/api/view?${query(pairs)}`);
    if (mine !== seen || view.same) return;
    element("building").hidden = !view.building;
    if (view.building) return;
    if (view.error) {
      element("trouble").hidden = false;
      put(element("trouble"), view.error);
      return;
    }
    const began = performance.now();
    await showView({ columns: {}, palette: report.palette, ...view });
    mine.version = view.version;
    restUntil = performance.now() + REST * (performance.now() - began);
  })();
  try {
    await following;
  } finally {
    following = null;
  }
}

async function poll() {
  try {
    const found = await ask("/api/studies");
    missed = 0;
    showStudies(found);
    element("pulse").className = found.error ? "pulse lost" : "pulse live";
    put(element("pulse"), found.error ? "the store cannot be read; trying again" : `live, ${new Date().toLocaleTimeString("en-GB")}`);
    await follow();
  } catch (error) {
    missed += 1;
    element("pulse").className = "pulse lost";
    put(element("pulse"), missed > 2 ? "the dashboard does not answer; trying again" : "waiting…");
  }
  setTimeout(poll, POLL_MS);
}

element("filter").addEventListener("input", () => showStudies({ studies: known, error: "", damaged: [] }));
poll();
