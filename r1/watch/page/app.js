// Asks for the project's state every few seconds while the page is visible, and for more only when that has changed.

import { Chart } from "./chart.js";
import { Dag } from "./dag.js";
import { duration, find, make, number, put } from "./dom.js";
import { STATES, explain, label } from "./explain.js";
import { Rollouts } from "./rollouts.js";

const EVERY = 2000;
let state = null, chosen = decodeURIComponent(location.hash.slice(1)), follows = !chosen, charts = new Map(), shown = "";
const pace = new Map(); // of running stages: where they were when this page first saw them

async function ask(what, values = {}) {
  try {
    const answer = await fetch(`api/${what}?${new URLSearchParams(values)}`, { cache: "no-cache" });
    connected(true);
    return answer.ok ? await answer.json() : null;
  } catch {
    connected(false);
    return null;
  }
}

function connected(yes) {
  find("link").classList.toggle("lost", !yes);
  put(find("link").lastElementChild, yes ? "live" : "no answer: does python -m r1 watch still run? This page keeps trying.");
}

const rollouts = new Rollouts(ask);
const dag = new Dag((box) => {
  const active = box.stages.find((stage) => stage.state === "runs") ?? box.stages.find((stage) => stage.state !== "done") ?? box.stages[0];
  choose(active.name);
});

function choose(name) {
  follows = false;
  chosen = name;
  history.replaceState(null, "", `#${encodeURIComponent(name)}`);
  show(true);
}

function stageOf(name) {
  return state.stages.find((stage) => stage.name === name || stage.run === name);
}

function current() {
  const active = state.stages.filter((stage) => stage.state === "runs");
  if (follows || !stageOf(chosen)) {
    const trains = active.find((stage) => stage.curve) ?? active[0] ?? state.stages.find((stage) => stage.state === "failed" || stage.state === "interrupted");
    const newest = state.stages.filter((stage) => stage.curve && stage.step).sort((one, other) => other.time - one.time)[0];
    chosen = (trains ?? newest ?? state.stages[0])?.name ?? "";
  }
  return stageOf(chosen);
}

async function poll() {
  if (document.visibilityState === "visible") {
    const found = await ask("state");
    if (found) {
      state = found;
      await show(false);
      put(find("clock"), `Last read at ${new Date().toLocaleTimeString()}.`);
    }
  }
  setTimeout(poll, EVERY);
}

async function show(byHand) {
  const stage = current();
  if (!stage) return;
  headline();
  dag.show(state.stages, stage.name);
  panel(stage);
  rollouts.offer(state.rollouts);
  const source = state.rollouts.includes(stage.run) ? stage.run : "";
  const now = JSON.stringify([stage.name, stage.step, stage.state, stage.time, state.rollouts.length]);
  if (now === shown) return;
  const other = JSON.parse(shown || "[]")[0] !== stage.name;
  shown = now;
  if (source && (byHand || other)) rollouts.choose(source);
  await Promise.all([curves(stage), rollouts.load()]);
}

function headline() {
  const active = state.stages.filter((stage) => stage.state === "runs"), failed = state.stages.filter((stage) => stage.state === "failed");
  const broken = state.stages.filter((stage) => stage.state === "interrupted"), done = state.stages.filter((stage) => stage.state === "done").length;
  const says = active.length ? `${names(active)} ${active.length > 1 ? "run" : "runs"}` : failed.length ? `A guard stopped ${names(failed)}` : broken.length ? `${names(broken)} was interrupted` : done === state.stages.length ? "Everything is done" : "Nothing runs";
  put(find("headline"), says);
  document.title = `${says} – ${state.name}`;
  put(find("project"), state.name);
  put(find("subline"), `${done} of ${state.stages.length} stages done${failed.length && active.length ? `; a guard stopped ${names(failed)}` : ""}`);
}

const names = (stages) => stages.map(label).join(", ");

function panel(stage) {
  const [name] = STATES[stage.state];
  put(find("stage-title"), label(stage));
  put(find("stage-about"), stage.about);
  find("stage-state").className = `stage-state ${stage.state}`;
  put(find("stage-state"), stage.state === "done" ? `done ${duration(Date.now() / 1000 - stage.time)} ago` : name);
  progress(stage);
  const notice = find("stage-notice"), text = message(stage);
  notice.className = text ? `notice ${stage.state}` : "";
  if (notice.dataset.text === text) return;
  notice.dataset.text = text;
  // Backticks mark commands in this page's own sentences; a diagnosis is shown as it is.
  notice.replaceChildren(...(stage.state === "failed" ? [text] : text.split("`").map((part, index) => (index % 2 ? make("code", {}, part) : part))));
}

function message(stage) {
  if (stage.state === "failed") return `Guard: ${stage.diagnosis}`;
  if (stage.state === "interrupted") return `Interrupted${stage.step ? ` after step ${stage.step}` : ""}, ${duration(Date.now() / 1000 - stage.time)} ago. \`dvc repro\` continues it from its last checkpoint, to the same result.`;
  if (stage.state === "outdated") return `Changed since it ran: ${stage.reasons.join(", ")}. \`dvc repro\` runs it again.`;
  const missing = stage.parents.map(stageOf).filter((parent) => parent && parent.state !== "done");
  if (stage.state === "waits") return missing.length ? `Waits for ${names(missing)}.` : "Everything that it needs is there: `dvc repro` runs it.";
  return "";
}

function progress(stage) {
  const place = find("stage-progress");
  if (stage.state !== "runs" || !stage.step) {
    pace.delete(stage.name);
    place.replaceChildren();
    return;
  }
  const now = performance.now() / 1000, seen = pace.get(stage.name);
  if (!seen || seen.step > stage.step) pace.set(stage.name, { step: stage.step, last: stage.step, since: now, at: now });
  else if (stage.step > seen.last) Object.assign(seen, { last: stage.step, at: now });
  const { step, last, since, at } = pace.get(stage.name), speed = (last - step) / (at - since);
  const left = speed > 0 && stage.steps ? `, about ${duration((stage.steps - stage.step) / speed)} left` : "";
  if (!place.firstChild) place.append(make("progress"), make("p", { class: "count" }));
  const [bar, text] = place.children;
  bar.setAttribute("aria-label", `Progress of ${label(stage)}`);
  if (stage.steps) {
    bar.max = stage.steps;
    bar.value = stage.step;
  } else bar.removeAttribute("value");
  put(text, `step ${number(stage.step)}${stage.steps ? ` of ${number(stage.steps)}` : ""}${left}`);
}

async function curves(stage) {
  const found = stage.curve ? await ask("curve", { run: stage.run }) : null;
  if (stage.name !== chosen) return;
  const columns = found?.columns ?? {};
  const wanted = Object.keys(columns).filter((name) => name !== "step").map((name) => [name, explain(name, columns)]).sort(([, one], [, other]) => one.rank - other.rank);
  const shape = JSON.stringify([stage.name, wanted.map(([name]) => name)]);
  if (charts.shape !== shape) {
    charts = new Map(wanted.map(([name, { title, about, question }]) => [name, new Chart(title, about, question)]));
    charts.shape = shape;
    const pick = (main) => wanted.filter(([, one]) => one.main === main).map(([name]) => charts.get(name).element);
    const nothing = make("p", { class: "note empty" }, stage.curve ? "No curve yet: it appears after the first steps." : "This stage has no learning curve.");
    find("charts").replaceChildren(...(wanted.length ? pick(true) : [nothing]));
    find("more-charts").replaceChildren(...pick(false));
    find("more").hidden = !pick(false).length;
  }
  for (const [name] of wanted) charts.get(name).show(columns.step, columns[name], found.every);
}

addEventListener("hashchange", () => {
  chosen = decodeURIComponent(location.hash.slice(1));
  if (state && stageOf(chosen)) choose(chosen);
});
poll();
