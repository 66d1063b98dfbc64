"use strict";
/* Parallel coordinates on a canvas: lines below, axes as SVG above, and a brush on every axis.

Neither WebGL nor generated code is needed, so it also works without a graphics card and under the page's policy.
An axis is {label, values, range: [low, high], tickvals, ticktext}; colours are [{axis, reversed}]. */

const BEST_TO_WORST = [[11, 111, 184], [150, 150, 150], [230, 159, 0]];

function mixed(share) {
  const place = Math.min(Math.max(share, 0), 1) * (BEST_TO_WORST.length - 1);
  const low = Math.min(Math.floor(place), BEST_TO_WORST.length - 2);
  return BEST_TO_WORST[low].map((part, i) => Math.round(part + (place - low) * (BEST_TO_WORST[low + 1][i] - part)));
}

class ParallelCoordinates {
  constructor(frame, axes, colours, onFront) {
    Object.assign(this, { frame, axes, colours, onFront, brushes: axes.map(() => null), frontOnly: false, colour: 0 });
    this.canvas = frame.appendChild(document.createElement("canvas"));
    this.svg = frame.appendChild(this.element("svg"));
    this.count = frame.parentElement.parentElement.appendChild(document.createElement("p"));
    this.count.className = "caption";
    this.count.setAttribute("aria-live", "polite");
    new ResizeObserver(() => this.draw()).observe(frame);
  }

  element(name, attributes = {}, text = "") {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.textContent = text;
    return made;
  }

  /* Where things are, for the size that the frame has now. */
  measure() {
    const [width, height] = [this.frame.clientWidth, this.frame.clientHeight];
    const [left, right, top, bottom] = [24, 124, 96, 16];
    const step = (width - left - right) / Math.max(this.axes.length - 1, 1);
    const span = height - top - bottom;
    this.size = { width, height, top, span, bottom: top + span, step };
    this.x = this.axes.map((_, k) => left + k * step);
    this.y = (axis, value) => top + span * (1 - (value - axis.range[0]) / (axis.range[1] - axis.range[0]));
    this.value = (axis, y) => axis.range[0] + (1 - (y - top) / span) * (axis.range[1] - axis.range[0]);
  }

  draw() {
    this.measure();
    this.drawAxes();
    this.drawLines();
  }

  kept(line) {
    if (this.frontOnly && !this.onFront[line]) return null;
    return this.axes.every((axis, k) => {
      const brush = this.brushes[k];
      return brush === null || (axis.values[line] >= brush[0] && axis.values[line] <= brush[1]);
    });
  }

  drawLines() {
    const { width, height } = this.size;
    const ratio = window.devicePixelRatio || 1;
    const context = this.canvas.getContext("2d");
    this.canvas.width = width * ratio;
    this.canvas.height = height * ratio;
    context.scale(ratio, ratio);
    const { axis, reversed } = this.colours[this.colour];
    const coloured = this.axes[axis];
    const total = coloured.values.length;
    const [kept, dropped] = [[], []];
    for (let line = 0; line < total; line++) {
      const state = this.kept(line);
      if (state !== null) (state ? kept : dropped).push(line);
    }
    const stroke = (line, style) => {
      context.strokeStyle = style;
      context.beginPath();
      this.axes.forEach((a, k) => context.lineTo(this.x[k], this.y(a, a.values[line])));
      context.stroke();
    };
    context.lineWidth = 1;
    for (const line of dropped) stroke(line, "rgba(138, 143, 152, 0.07)");
    /* coloured by rank, so that a few extremes do not take all the colours; the better ones last, on top */
    const sorted = Float64Array.from(coloured.values).sort();
    const rank = new Map(Array.from(sorted, (value, i) => [value, i / Math.max(total - 1, 1)]));
    const badness = (line) => (reversed ? 1 - rank.get(coloured.values[line]) : rank.get(coloured.values[line]));
    kept.sort((a, b) => badness(b) - badness(a));
    const alpha = Math.min(0.85, Math.max(0.06, 5 / Math.sqrt(kept.length + 1)));
    context.lineWidth = kept.length < 60 ? 1.8 : 1.2;
    for (const line of kept) stroke(line, `rgba(${mixed(badness(line)).join(",")},${alpha})`);
    this.count.textContent = `${kept.length.toLocaleString("en")} of ${total.toLocaleString("en")} designs are kept.`;
  }

  drawAxes() {
    const { width, height, top, bottom, span } = this.size;
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.svg.replaceChildren();
    this.axes.forEach((axis, k) => {
      const group = this.svg.appendChild(this.element("g", { transform: `translate(${this.x[k]},0)` }));
      group.append(this.element("line", { class: "axis", y1: top, y2: bottom }));
      group.append(this.element("text", { class: "label", transform: `translate(0,${top - 12}) rotate(-28)` }, axis.label));
      axis.tickvals.forEach((value, i) => {
        const y = this.y(axis, value);
        group.append(this.element("line", { class: "axis", x1: -3, x2: 3, y1: y, y2: y }));
        group.append(this.element("text", { class: "tick", x: 6, y: y + 3.5 }, axis.ticktext[i]));
      });
      const brush = group.appendChild(this.element("rect", { class: "brush", x: -7, width: 14 }));
      const handle = group.appendChild(this.element("rect", { class: "handle", x: -14, width: 28, y: top - 6, height: span + 12 }));
      handle.append(this.element("title", {}, axis.label));
      this.showBrush(brush, k);
      handle.addEventListener("pointerdown", (event) => this.startBrush(event, handle, brush, k));
    });
  }

  showBrush(rect, k) {
    const brush = this.brushes[k];
    rect.setAttribute("visibility", brush ? "visible" : "hidden");
    if (!brush) return;
    const [upper, lower] = [this.y(this.axes[k], brush[1]), this.y(this.axes[k], brush[0])];
    rect.setAttribute("y", upper);
    rect.setAttribute("height", Math.max(lower - upper, 2));
  }

  startBrush(event, handle, rect, k) {
    const axis = this.axes[k];
    const at = (pointer) => this.value(axis, (pointer.clientY - this.svg.getBoundingClientRect().top));
    const from = at(event);
    const began = event.clientY;
    let waiting = false;
    const show = () => { waiting = false; this.showBrush(rect, k); this.drawLines(); };
    const move = (moved) => {
      const dragged = Math.abs(moved.clientY - began) > 4;
      this.brushes[k] = dragged ? [Math.min(from, at(moved)), Math.max(from, at(moved))] : null;
      if (!waiting) requestAnimationFrame(show);
      waiting = true;
    };
    event.preventDefault();
    handle.setPointerCapture(event.pointerId);
    this.brushes[k] = null;
    show();
    handle.addEventListener("pointermove", move);
    for (const end of ["pointerup", "pointercancel"]) {
      handle.addEventListener(end, () => handle.removeEventListener("pointermove", move), { once: true });
    }
  }
}
