// The list of rollouts with its filters. Whatever a model wrote becomes a text node.

import { find, make, number, put } from "./dom.js";

const PAGE = 20;
const ORDERS = [["newest", "newest first"], ["high", "highest advantage"], ["low", "lowest advantage"], ["long", "longest"]];

export class Rollouts {
  constructor(ask) {
    this.ask = ask;
    this.count = PAGE;
    this.form = find("filters");
    options(this.form.order, ORDERS);
    this.form.addEventListener("submit", (event) => event.preventDefault());
    this.form.addEventListener("input", (event) => {
      this.count = PAGE;
      if (event.target.name === "source") this.form.step.value = this.form.family.value = "";
      clearTimeout(this.wait);
      this.wait = setTimeout(() => this.load(), event.target.name === "text" ? 250 : 0);
    });
    find("further").addEventListener("click", () => {
      this.count += PAGE;
      this.load();
    });
  }

  offer(sources) {
    options(this.form.source, sources.map((name) => [name, name]));
    this.form.hidden = find("further").hidden = !sources.length;
    if (!sources.length) put(find("count"), "None are kept yet: they appear with the first step of an RL stage.");
  }

  choose(source) {
    if (![...this.form.source.options].some((option) => option.value === source)) return;
    if (this.form.source.value !== source) {
      this.form.source.value = source;
      this.form.step.value = this.form.family.value = "";
      this.count = PAGE;
    }
  }

  // Asks again; what has not changed is not drawn again, so that a reader keeps their place.
  async load() {
    const { source, step, family, order, text } = this.form, asked = (this.asked = Symbol());
    if (!source.value) return;
    const values = { source: source.value, step: step.value, family: family.value, order: order.value, text: text.value, count: this.count };
    const found = await this.ask("rollouts", values);
    if (!found || asked !== this.asked) return;
    options(step, [["", found.steps.length ? "newest" : "–"], ...found.steps.map((one) => [String(one), String(one)])]);
    options(family, [["", "all"], ...found.families.map((name) => [name, name])]);
    options(order, [...ORDERS, ...found.rewards.map((name) => [`reward:${name}`, `highest ${name}`])]);
    const narrowed = family.value || text.value, among = step.value ? `${number(found.scanned)} of step ${step.value}` : found.all ? `${number(found.scanned)} kept` : `newest ${number(found.scanned)}; choose a step for older ones, or search all with python -m r1 rollouts ${source.value}`;
    put(find("count"), narrowed ? `${number(found.found)} of the ${among}` : `The ${among}`);
    find("further").hidden = found.found <= found.rows.length || this.count >= 100;
    const drawn = JSON.stringify([values, found.rows]);
    if (drawn === this.drawn || (getSelection().toString() && source.value === this.source)) return;
    [this.drawn, this.source] = [drawn, source.value];
    find("rows").replaceChildren(...found.rows.map((row) => this.row(row, text.value)));
  }

  row(row, needle) {
    const tone = row.advantage === null ? "none" : row.advantage > 1e-6 ? "high" : row.advantage < -1e-6 ? "low" : "even";
    const facts = [
      row.advantage === null ? null : fact("advantage", (row.advantage > 0 ? "+" : "") + number(row.advantage), `strong ${tone}`),
      row.reward === null ? null : fact("reward", number(row.reward), "strong"),
      ...Object.entries(row.rewards).filter(([, value]) => value !== null).map(([name, value]) => fact(name, number(value))),
      row.tokens === null ? null : fact("tokens", number(row.tokens) + (row.truncated ? ", cut off" : "")),
      row.answer ? fact("right answer", row.answer) : null,
      row.source ? fact("source", row.source) : null,
      row.reason ? fact("left out", row.reason) : null,
      row.sampler_logprob === null || row.trainer_logprob === null ? null : fact("log p, sampler / trainer", `${number(row.sampler_logprob)} / ${number(row.trainer_logprob)}`),
    ];
    const prompt = make("p", { class: "prompt", dir: "auto" }, ...marked(row.prompt, needle));
    const completion = make("pre", { dir: "auto", tabindex: "0", "aria-label": "Completion" }, ...marked(row.completion, needle));
    const item = make("li", { class: `row ${tone}` },
      make("p", { class: "where" }, [row.step === null ? "" : `step ${row.step}`, row.group === null ? "" : `group ${row.group}`, row.family, row.level].filter(Boolean).join(" · ")),
      prompt, completion, make("dl", {}, ...facts));
    item.style.setProperty("--strength", Math.min(1, 0.35 + Math.abs(row.advantage ?? 0) / 2));
    if (Object.keys(row.cut).length) {
      const length = Object.values(row.cut).reduce((sum, one) => sum + one, 0);
      const button = make("button", { type: "button", class: "quiet" }, `Show all ${number(length)} characters`);
      button.addEventListener("click", async () => {
        const whole = await this.ask("rollout", { source: this.source, piece: row.piece, row: row.row });
        if (!whole) return;
        prompt.textContent = whole.prompt;
        completion.textContent = whole.completion;
        button.remove();
      });
      completion.after(button);
    }
    return item;
  }
}

function fact(name, value, kind = "") {
  return make("div", { class: kind }, make("dt", {}, name.replace(/_/g, " ")), make("dd", { dir: "auto" }, value));
}

function options(select, wanted) {
  const now = JSON.stringify(wanted);
  if (select.dataset.now === now) return;
  const chosen = select.value;
  select.dataset.now = now;
  select.replaceChildren(...wanted.map(([value, text]) => make("option", { value }, text)));
  if (wanted.some(([value]) => value === chosen)) select.value = chosen;
}

function marked(text, needle) {
  if (!needle) return [text];
  const parts = [], lower = text.toLowerCase(), wanted = needle.toLowerCase();
  if (lower.length !== text.length) return [text]; // positions would differ
  let start = 0;
  for (let at = lower.indexOf(wanted); at >= 0; at = lower.indexOf(wanted, start)) {
    parts.push(text.slice(start, at), make("mark", {}, text.slice(at, at + wanted.length)));
    start = at + wanted.length;
  }
  return [...parts, text.slice(start)];
}
