// The recipe from left to right: a column per depth, buttons for stages, curves between them. On a phone it is a list.

import { draw, find, make, put } from "./dom.js";
import { STATES, label } from "./explain.js";

const MANY = 4; // a matrix with more entries is one box

function grouped(stages) {
  const counts = {};
  for (const { name } of stages) counts[name.split("@")[0]] = (counts[name.split("@")[0]] ?? 0) + 1;
  const boxOf = (name) => (counts[name.split("@")[0]] > MANY ? name.split("@")[0] : name);
  const boxes = new Map();
  for (const stage of stages) {
    const name = boxOf(stage.name), box = boxes.get(name) ?? { name, stages: [], parents: new Set() };
    box.stages.push(stage);
    stage.parents.forEach((parent) => box.parents.add(boxOf(parent)));
    boxes.set(name, box);
  }
  return boxes;
}

function together(stages) {
  for (const state of ["failed", "runs", "interrupted", "waits", "outdated"]) if (stages.some((stage) => stage.state === state)) return state;
  return "done";
}

export class Dag {
  constructor(choose) {
    this.choose = choose;
    this.nodes = new Map();
    this.edges = draw("svg", { class: "edges", "aria-hidden": "true" });
    new ResizeObserver(() => this.connect()).observe(find("dag"));
    find("legend").append(...Object.entries(STATES).map(([state, [name, about]]) => make("li", {}, make("span", { class: `mark ${state}` }), `${name}: ${about}`)));
  }

  show(stages, chosen) {
    this.boxes = grouped(stages);
    const shape = JSON.stringify([...this.boxes.values()].map((box) => [box.name, [...box.parents]]));
    if (shape !== this.shape) this.build(shape);
    for (const box of this.boxes.values()) {
      const { button, text, bar, mark } = this.nodes.get(box.name), state = together(box.stages);
      button.className = `node ${state}`;
      mark.className = `mark ${state}`;
      const finished = box.stages.filter((stage) => stage.state === "done").length, [one] = box.stages;
      const many = box.stages.length > 1;
      const share = many ? finished / box.stages.length : one.state === "runs" || one.state === "interrupted" ? one.step / (one.steps || Infinity) : 0;
      put(text, many ? `${finished} of ${box.stages.length}` : share && one.steps ? `${one.step} of ${one.steps}` : STATES[state][0]);
      bar.style.setProperty("--share", share);
      const isChosen = box.stages.some((stage) => stage.name === chosen);
      if (isChosen) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
    }
    this.chosen = chosen;
    this.paint();
  }

  build(shape) {
    this.shape = shape;
    const depths = new Map();
    const depth = (name) => {
      if (!depths.has(name)) {
        depths.set(name, 0);
        depths.set(name, Math.max(-1, ...[...this.boxes.get(name).parents].map(depth)) + 1);
      }
      return depths.get(name);
    };
    const columns = [];
    this.nodes.clear();
    for (const box of this.boxes.values()) {
      const mark = make("span", { class: "mark" }), text = make("span"), bar = make("span", { class: "bar" });
      const title = box.stages.length > 1 ? box.name : label(box.stages[0]);
      const name = make("strong", {}, ...title.split(/(?<=_)/).flatMap((part, index) => (index ? [make("wbr"), part] : [part])));
      const button = make("button", { type: "button", "data-stage": box.name, onclick: () => this.choose(this.boxes.get(box.name)) }, name, make("small", {}, mark, text), bar);
      this.nodes.set(box.name, { button, text, bar, mark });
      (columns[depth(box.name)] ??= []).push(button);
    }
    find("dag").replaceChildren(this.edges, ...columns.map((column) => make("div", { class: "column" }, ...column)));
    this.connect();
  }

  connect() {
    if (!this.boxes) return;
    const frame = find("dag").getBoundingClientRect(), lines = [];
    this.edges.setAttribute("viewBox", `0 0 ${frame.width} ${frame.height}`);
    for (const box of this.boxes.values()) {
      for (const parent of box.parents) {
        const from = this.nodes.get(parent).button.getBoundingClientRect(), to = this.nodes.get(box.name).button.getBoundingClientRect();
        const x1 = from.right - frame.left, x2 = to.left - frame.left, y1 = from.top + 29 - frame.top, y2 = to.top + 29 - frame.top;
        const lane = from.bottom + 6 - frame.top; // a long edge runs in the gap below its parent's row, not behind boxes
        const straight = `M${x1} ${y1}C${x1 + 11} ${y1} ${x2 - 11} ${y2} ${x2} ${y2}`;
        const long = `M${x1} ${y1}C${x1 + 11} ${y1} ${x1} ${lane} ${x1 + 16} ${lane}H${x2 - 16}C${x2} ${lane} ${x2 - 11} ${y2} ${x2} ${y2}`;
        lines.push(draw("path", { d: x2 - x1 < 40 ? straight : long, "data-from": parent, "data-to": box.name }));
      }
    }
    this.edges.replaceChildren(...lines);
    this.paint();
  }

  paint() {
    const box = [...(this.boxes?.values() ?? [])].find((one) => one.stages.some((stage) => stage.name === this.chosen))?.name;
    for (const line of this.edges.children) line.classList.toggle("near", line.dataset.from === box || line.dataset.to === box);
  }
}
