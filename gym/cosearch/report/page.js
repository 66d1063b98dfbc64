"use strict";
/* Draws the figures of the page, paints them in its colours, and runs its few buttons.

The data of the report is the JSON in #report: {columns: {name: [...]}, figures: [{id, traces, layout, controls}]}.
A figure's controls, each of which may be missing:
  log      {x: true, y: false}: axes that can be put on a log scale, and whether they start there
  zoom     {x: [low, high], y: [low, high]}: where the front is
  gap      true: 100 less the values of y can be shown on a log scale
  axes, colours, subset  of parallel coordinates, which `parallel.js` draws: its axes, those that can colour the
           lines, and which lines are on the front */

const report = JSON.parse(document.getElementById("report").textContent);

/* A {"$ref": name} anywhere in a figure stands for a shared column. */
function resolve(value) {
  if (Array.isArray(value)) return value.map(resolve);
  if (value === null || typeof value !== "object") return value;
  if ("$ref" in value) return report.columns[value.$ref];
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, resolve(item)]));
}

function theme() {
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(name).trim();
  return { page: colour("--page"), text: colour("--text"), muted: colour("--muted"), grid: colour("--grid"), line: colour("--line") };
}

/* A heatmap's scale goes from nearly the page's colour to that of the accent and beyond. */
const SCALES = {
  light: [[0, "#EEF3F8"], [0.35, "#9CC6E3"], [0.7, "#0072B2"], [1, "#003B5C"]],
  dark: [[0, "#1D2731"], [0.35, "#0B5C8C"], [0.7, "#4FA8E8"], [1, "#D6ECFB"]],
};

function onDark() {
  return matchMedia("(prefers-color-scheme: dark)").matches && !matchMedia("print").matches;
}

function paintedLayout(layout) {
  const c = theme();
  const narrow = window.innerWidth < 640;
  const axis = { gridcolor: c.grid, linecolor: c.line, zerolinecolor: c.line, tickcolor: c.line, automargin: true, exponentformat: "SI" };
  const painted = {
    ...layout,
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { color: c.text, size: 12, family: getComputedStyle(document.body).fontFamily },
    margin: layout.margin || { t: 16, r: 16, b: 48, l: 56 },
    hoverlabel: { align: "left", bgcolor: c.page, bordercolor: c.line, font: { color: c.text, size: 12 } },
    modebar: { bgcolor: "rgba(0,0,0,0)", color: c.line, activecolor: c.text },
    legend: { orientation: "h", x: 0, xanchor: "left", y: 1.01, yanchor: "bottom", bgcolor: "rgba(0,0,0,0)", itemsizing: "constant", traceorder: "normal", ...layout.legend },
    dragmode: narrow ? false : "zoom",
    colorway: (layout.colorway || report.palette).map(onPage),
  };
  const square = ["xaxis", "yaxis"].some((name) => layout[name]?.scaleanchor);
  for (const name of new Set(["xaxis", "yaxis", ...Object.keys(layout).filter((key) => /^[xy]axis\d+$/.test(key))])) {
    const own = layout[name] || {};
    const text = typeof own.title === "string" ? { text: own.title } : own.title;
    const title = text && { standoff: 10, ...text, font: { size: narrow ? 11 : 13, ...text.font } };
    const beside = own.overlaying && { tickmode: "auto", showgrid: false };
    painted[name] = { ...axis, ...(square && { constrain: "domain" }), ...beside, ...own, ...(title && { title }) };
  }
  if (layout.polar) {
    painted.polar = { bgcolor: "rgba(0,0,0,0)", ...layout.polar };
    for (const name of ["radialaxis", "angularaxis"]) painted.polar[name] = { gridcolor: c.grid, linecolor: c.line, ...layout.polar[name] };
  }
  if (layout.annotations) painted.annotations = layout.annotations.map((note) => ({ arrowcolor: c.muted, ...note, font: recoloured(note.font) }));
  if (layout.shapes) painted.shapes = layout.shapes.map((shape) => ({ ...shape, line: { color: c.muted, ...recoloured(shape.line) }, fillcolor: onPage(shape.fillcolor) }));
  return painted;
}

/* The palette is made for white; its three darkest colours are lightened for a dark page. */
const LIGHTENED = { "#0072B2": "#4FA8E8", "#D55E00": "#F27B35", "#009E73": "#2BBF94" };

function onPage(colour) {
  if (Array.isArray(colour)) return colour.map(onPage);
  if (!onDark() || typeof colour !== "string" || colour[0] !== "#") return colour;
  return (LIGHTENED[colour.slice(0, 7).toUpperCase()] ?? colour.slice(0, 7)) + colour.slice(7);
}

function recoloured(part) {
  return part && { ...part, ...("color" in part && { color: onPage(part.color) }), ...("colors" in part && { colors: onPage(part.colors) }) };
}

const scaled = (colour) => Array.isArray(colour) && colour.some((value) => typeof value === "number");

function paintedTraces(traces) {
  const c = theme();
  const colorscale = SCALES[onDark() ? "dark" : "light"];
  const colorbar = { outlinewidth: 0, thickness: 12, ticklen: 3, tickcolor: c.line, exponentformat: "SI" };
  return traces.map((original) => {
    const trace = { ...original };
    for (const part of ["marker", "line"]) {
      if (trace[part]) trace[part] = recoloured(trace[part]);
    }
    if (trace.fillcolor) trace.fillcolor = onPage(trace.fillcolor);
    if (trace.z) Object.assign(trace, { colorscale, ...original, colorbar: { ...colorbar, ...original.colorbar } });
    if (trace.marker && scaled(trace.marker.color)) trace.marker = { colorscale, ...trace.marker, colorbar: { ...colorbar, ...trace.marker.colorbar } };
    for (const error of ["error_x", "error_y"]) {
      if (trace[error]) trace[error] = { color: c.muted, ...trace[error] };
    }
    if (trace.mode === "markers" && trace.marker?.size > 6) {
      trace.marker = { ...trace.marker, line: { ...trace.marker.line, color: c.page } };
    }
    return trace;
  });
}

/* What a figure shows now, from its data and the state of its buttons. */
function currentFigure(figure) {
  const { state, controls } = figure;
  const layout = { ...figure.layout };
  for (const axis of ["x", "y"]) {
    const key = `${axis}axis`;
    if (!layout[key]) continue;
    const log = Boolean(state.log[axis]);
    layout[key] = { ...layout[key], ...(log && { type: "log", dtick: undefined }) };
    if (state.zoom) {
      const [low, high] = controls.zoom[axis];
      layout[key].range = log ? [Math.log10(low), Math.log10(high)] : [low, high];
    }
  }
  let traces = figure.traces;
  if (state.gap) {
    layout.yaxis = { type: "log", title: { text: "missing hypervolume [%]" } };
    traces = traces.map((trace) => ({ ...trace, y: trace.y.map((y) => (y < 100 ? 100 - y : null)) }));
  }
  return [paintedTraces(traces), paintedLayout(layout)];
}

/* A figure in a panel that is not shown has no size yet: it is drawn when the panel is. */
function draw(figure) {
  const place = document.getElementById(figure.id);
  if (place.closest("[hidden]")) return undefined;
  if (figure.controls.axes) return drawParallel(figure);
  const [traces, layout] = currentFigure(figure);
  const config = { responsive: true, displaylogo: false, displayModeBar: window.innerWidth < 640 || figure.traces.some((trace) => trace.type === "bar" || trace.z) ? false : "hover", modeBarButtonsToRemove: ["lasso2d", "select2d", "autoScale2d"] };
  return Plotly.react(place, traces, layout, config);
}

/* What a plugin draws may be wrong in ways that only Plotly finds out. */
async function tryToDraw(figure) {
  try {
    await draw(figure);
  } catch (error) {
    document.getElementById(figure.id).textContent = `This picture cannot be drawn: ${error.message}`;
  }
}

function drawParallel(figure) {
  const { axes, colours, subset } = figure.controls;
  figure.parallel ??= new ParallelCoordinates(document.getElementById(figure.id), axes, colours, subset);
  figure.parallel.frontOnly = figure.state.subset;
  figure.parallel.colour = figure.state.colour;
  figure.parallel.draw();
}

function addButton(figure, label, pressed, toggle) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = label;
  button.setAttribute("aria-pressed", String(pressed));
  button.addEventListener("click", () => {
    const now = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(now));
    toggle(now);
    draw(figure);
  });
  document.getElementById(`${figure.id}-controls`).append(button);
}

function addControls(figure) {
  const { controls } = figure;
  figure.state = { log: { ...controls.log }, zoom: false, gap: false, subset: false, colour: 0 };
  for (const axis of Object.keys(controls.log || {})) {
    addButton(figure, `Log ${axis}`, controls.log[axis], (on) => { figure.state.log[axis] = on; });
  }
  if (controls.zoom) addButton(figure, "Zoom to the front", false, (on) => { figure.state.zoom = on; });
  if (controls.gap) addButton(figure, "What is missing", false, (on) => { figure.state.gap = on; });
  if (controls.subset) addButton(figure, "Front only", false, (on) => { figure.state.subset = on; });
  if (controls.colours && controls.colours.length > 1) {
    const select = document.createElement("select");
    select.setAttribute("aria-label", "Colour of the lines");
    controls.colours.forEach(({ axis }, i) => select.append(new Option(`Coloured by ${controls.axes[axis].label}`, String(i))));
    select.addEventListener("change", () => { figure.state.colour = Number(select.value); draw(figure); });
    document.getElementById(`${figure.id}-controls`).append(select);
  }
}

function sortTable(table, column, ascending) {
  const body = table.tBodies[0];
  const value = (row) => row.cells[column].dataset.value ?? row.cells[column].textContent;
  const compare = (a, b) => {
    const [x, y] = [value(a), value(b)];
    if (x === "" || y === "") return (x === "") - (y === ""); /* what is inactive comes last */
    const order = Number.isNaN(Number(x)) || Number.isNaN(Number(y)) ? x.localeCompare(y) : x - y;
    return ascending ? order : -order;
  };
  body.append(...Array.from(body.rows).sort(compare));
}

for (const header of document.querySelectorAll("th[aria-sort]")) {
  header.firstElementChild.addEventListener("click", () => {
    const ascending = header.getAttribute("aria-sort") !== "ascending";
    for (const other of header.parentElement.cells) {
      if (other.hasAttribute("aria-sort")) other.setAttribute("aria-sort", "none");
    }
    header.setAttribute("aria-sort", ascending ? "ascending" : "descending");
    sortTable(header.closest("table"), header.cellIndex, ascending);
  });
}

/* The clipboard API is missing where the page is opened as a file in some browsers. */
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = document.createElement("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
}

for (const button of document.querySelectorAll("button[data-copy]")) {
  button.addEventListener("click", async () => {
    await copy(button.dataset.copy);
    const label = button.textContent;
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = label; }, 1200);
  });
}

/* Tabs: a click or an arrow key shows one panel of a list. */
function show(tab) {
  const tabs = Array.from(tab.parentElement.children);
  for (const other of tabs) {
    other.setAttribute("aria-selected", String(other === tab));
    other.tabIndex = other === tab ? 0 : -1;
    document.getElementById(other.getAttribute("aria-controls")).hidden = other !== tab;
  }
  const panel = document.getElementById(tab.getAttribute("aria-controls"));
  for (const figure of figures) {
    const place = document.getElementById(figure.id);
    if (panel.contains(place)) tryToDraw(figure).then(() => place.data && Plotly.Plots.resize(place));
  }
}

for (const tab of document.querySelectorAll("[role=tab]")) {
  tab.addEventListener("click", () => show(tab));
  tab.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const tabs = Array.from(tab.parentElement.children);
    const next = tabs[(tabs.indexOf(tab) + step + tabs.length) % tabs.length];
    next.focus();
    show(next);
  });
}

const figures = report.figures.map((figure) => ({ ...figure, traces: resolve(figure.traces) }));

async function drawAll() {
  for (const figure of figures) {
    if (figure.state === undefined) addControls(figure);
    await tryToDraw(figure);
    await new Promise((done) => setTimeout(done)); /* keep the page answering */
  }
  document.documentElement.dataset.drawn = "true";
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
addEventListener("beforeprint", () => figures.forEach(draw));
addEventListener("afterprint", () => figures.forEach(draw));
drawAll();
