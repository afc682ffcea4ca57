// One curve as a figure: newest value, line, explanation; a pointer or the arrow keys read it off.

import { draw, make, number, put } from "./dom.js";

const WIDTH = 320, HEIGHT = 120, LEFT = 46, RIGHT = 6, TOP = 10, BOTTOM = 6;

export class Chart {
  constructor(title, about, question) {
    this.title = title;
    this.value = make("span", { class: "value" });
    this.at = make("span", { class: "at" });
    this.line = draw("path", { class: "line" });
    this.area = draw("path", { class: "area" });
    this.zero = draw("line", { class: "zero", x1: 0, x2: WIDTH });
    this.cursor = draw("line", { class: "cursor", y1: 0, y2: HEIGHT });
    this.dot = draw("circle", { class: "dot", r: 3.5 });
    this.svg = draw("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", tabindex: "0" }, this.zero, this.area, this.line, this.cursor, this.dot);
    this.high = make("span"), this.low = make("span"), this.first = make("span"), this.last = make("span");
    this.element = make("figure", { class: "chart" },
      make("figcaption", {}, make("h3", {}, title), make("p", {}, this.value, this.at)),
      make("div", { class: "plot" }, make("div", { class: "y", "aria-hidden": "true" }, this.high, this.low), this.svg),
      make("div", { class: "x", "aria-hidden": "true" }, this.first, this.last),
      about ? make("details", {}, make("summary", {}, question), make("p", {}, about)) : null);
    this.svg.addEventListener("pointermove", (event) => this.point(event));
    this.svg.addEventListener("pointerleave", () => this.read(null));
    this.svg.addEventListener("blur", () => this.read(null));
    this.svg.addEventListener("keydown", (event) => this.step(event));
  }

  show(steps, values, every) {
    this.points = values.map((value, index) => [steps[index], value]).filter(([step, value]) => value !== null && step !== null);
    if (!this.points.length) return;
    const all = this.points.map(([, value]) => value);
    let low = Math.min(...all), high = Math.max(...all);
    if (high - low < 1e-9) [low, high] = [low - (Math.abs(low) || 1) / 2, high + (Math.abs(high) || 1) / 2];
    const start = this.points[0][0], end = this.points.at(-1)[0];
    this.x = (step) => LEFT + ((step - start) / (end - start || 1)) * (WIDTH - LEFT - RIGHT);
    this.y = (value) => HEIGHT - BOTTOM - ((value - low) / (high - low)) * (HEIGHT - TOP - BOTTOM);
    const path = this.points.map(([step, value], index) => `${index ? "L" : "M"}${this.x(step).toFixed(1)} ${this.y(value).toFixed(1)}`).join("");
    this.line.setAttribute("d", path);
    this.area.setAttribute("d", `${path}L${this.x(end).toFixed(1)} ${HEIGHT}L${LEFT} ${HEIGHT}Z`);
    const zero = low < 0 && high > 0;
    this.zero.classList.toggle("hidden", !zero);
    if (zero) for (const name of ["y1", "y2"]) this.zero.setAttribute(name, this.y(0));
    put(this.high, number(high));
    put(this.low, number(low));
    put(this.first, `step ${number(start)}`);
    put(this.last, number(end) + (every > 1 ? ` (means of ${every} steps)` : ""));
    this.element.dataset.points = this.points.length;
    this.svg.setAttribute("aria-label",
      `${this.title}: ${number(all[0])} at step ${start}, ${number(all.at(-1))} at step ${end}; lowest ${number(Math.min(...all))}, highest ${number(Math.max(...all))}. Arrow keys read single steps.`);
    this.read(this.index ?? null);
  }

  read(index) {
    if (!this.points?.length) return;
    this.index = index === null ? null : Math.max(0, Math.min(this.points.length - 1, index));
    const [step, value] = this.points[this.index ?? this.points.length - 1];
    put(this.value, number(value));
    put(this.at, this.index === null ? "" : `at step ${number(step)}`);
    this.cursor.classList.toggle("hidden", this.index === null);
    for (const name of ["x1", "x2"]) this.cursor.setAttribute(name, this.x(step));
    this.dot.setAttribute("cx", this.x(step));
    this.dot.setAttribute("cy", this.y(value));
  }

  point(event) {
    if (!this.points?.length) return;
    const box = this.svg.getBoundingClientRect(), at = ((event.clientX - box.left) / box.width) * WIDTH;
    const gaps = this.points.map(([step]) => Math.abs(this.x(step) - at));
    this.read(gaps.indexOf(Math.min(...gaps)));
  }

  step(event) {
    const move = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity }[event.key];
    if (move === undefined || !this.points?.length) return;
    event.preventDefault();
    this.read(Math.max(0, Math.min(this.points.length - 1, (this.index ?? this.points.length - 1) + move)));
  }
}
